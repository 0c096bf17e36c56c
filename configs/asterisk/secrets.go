package asterisk

import (
	"cmp"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// Fault is why a secret is weak. The zero value is none.
type Fault uint8

const (
	Strong Fault = iota
	Empty        // it has no characters
	Usual        // it is one that everybody tries: of samples and of installers
	Same         // it is the name of the account, or made from it
	Short        // it has fewer characters than MinSecret
	Digits       // it has only digits, and fewer than minDigits
)

// MinSecret is the fewest characters of a secret that is not short.
const MinSecret = 8

const minDigits = 12

// String is the fault as the end of a sentence that begins with "the secret".
func (f Fault) String() string {
	return [...]string{"is strong", "is empty", "is one that everybody tries", "is the name of the account, or made from it", "has fewer than 8 characters", "has only digits, and fewer than 12"}[f]
}

// Secret is what is known of the secret of an account. The secret itself is not kept.
type Secret struct {
	File    string // pjsip.conf, sip.conf, iax.conf, manager.conf, ari.conf, voicemail.conf
	Account string // it may hold any byte
	At      Place
	Fault   Fault
	Local   bool // of the manager interface: only this machine itself may log in
}

// secretFile is a file with secrets: which keys have them, and which have the name.
type secretFile struct {
	name   string
	secret []string
	user   []string
	skip   []string // keys whose value says that there is no plain secret: "crypt", "md5"
}

var secretFiles = []secretFile{
	{"pjsip.conf", []string{"password"}, []string{"username"}, []string{"auth_type"}},
	{"pjsip_wizard.conf", []string{"inbound_auth/password"}, []string{"inbound_auth/username"}, nil},
	{"sip.conf", []string{"secret"}, nil, nil},
	{"iax.conf", []string{"secret"}, nil, nil},
	{"manager.conf", []string{"secret"}, nil, nil},
	{"ari.conf", []string{"password"}, nil, []string{"password_format"}},
}

// usualSecrets are of samples, of installers and of the lists of scanners.
var usualSecrets = []string{
	"password", "passw0rd", "pass", "secret", "mysecret", "mypassword", "unsecurepassword", "securepassword", "asterisk", "asterisk1", "admin", "admin123", "administrator",
	"root", "toor", "test", "test123", "testing", "guest", "user", "changeme", "change_me", "letmein", "welcome", "welcome1", "qwerty", "qwerty123", "abc123", "abcd1234", "voip", "sip", "pbx", "freepbx", "issabel",
	"elastix", "elastix456", "elastix.asteriskuser.2oo7", "palosanto", "amp111", "amp109", "sangoma", "digium", "trixbox", "phone", "phones", "supersecret", "topsecret", "p@ssw0rd", "iloveyou", "default",
	"0000", "1111", "1234", "12345", "123456", "1234567", "12345678", "123456789", "1234567890", "4321", "54321", "654321", "111111", "000000", "112233", "121212",
}

// Secrets reads below dir the secrets of accounts, and says how weak each is; "" is
// DefaultDir. Strong ones are in the list too. A secret that is stored as a hash cannot be
// judged: hashed counts them. Accounts in a database are not seen. problems are as those of
// Read. No secret leaves this function.
func Secrets(dir string) (list []Secret, hashed int, problems []error) {
	if dir == "" {
		dir = DefaultDir
	}
	r := newReader(dir)
	r.lost = "so the secrets in it are not judged"
	for _, f := range secretFiles {
		r.kept = slices.Concat(f.secret, f.user, f.skip, []string{"type", "permit", "deny", "acl", "md5secret", "md5_cred", "password_digest"})
		r.begin()
		r.file(place{}, filepath.Join(r.dir, f.name), true)
		for _, s := range r.sections {
			one, isHash, found := judged(f, s)
			if isHash {
				hashed++
			} else if found {
				list = append(list, one)
			}
		}
	}
	return append(list, r.mailboxes()...), hashed, r.problems
}

// judged is the secret of one section.
func judged(f secretFile, s *section) (one Secret, hash, found bool) {
	if s.template || strings.EqualFold(s.name, "general") {
		return one, false, false
	}
	one = Secret{File: f.name, Account: s.name}
	secret, filters := "", []setting{}
	for _, set := range s.settings {
		switch {
		case slices.Contains(f.secret, set.key):
			secret, found, one.At = set.value, true, set.at.public()
		case slices.Contains(f.user, set.key):
			one.Account = cmp.Or(set.value, s.name)
		case slices.Contains(f.skip, set.key):
			hash = hash || strings.EqualFold(set.value, "crypt") || strings.EqualFold(set.value, "md5")
		case set.key == "md5secret" || set.key == "md5_cred" || set.key == "password_digest":
			hash = hash || set.value != ""
		case set.key == "permit" || set.key == "deny" || set.key == "acl":
			filters = append(filters, set)
		}
	}
	one.Fault = fault(secret, one.Account)
	one.Local = f.name == "manager.conf" && !admits(filters, false)
	return one, hash, found
}

// fault judges a secret.
func fault(secret, account string) Fault {
	low, name := strings.ToLower(secret), strings.ToLower(account)
	name = strings.TrimSuffix(strings.TrimSuffix(name, "-auth"), "_auth")
	made := len(name) > 1 && strings.Contains(low, name) && len(low) <= 2*len(name)+4 || low != "" && reversed(low) == name
	switch {
	case low == "":
		return Empty
	case low == name || secret == account || made && len(low)-len(name) <= 4 || len(name) > 1 && strings.ReplaceAll(low, name, "") == "":
		return Same
	case slices.Contains(usualSecrets, low), strings.Trim(low, low[:1]) == "":
		return Usual
	case len(secret) < MinSecret:
		return Short
	case strings.Trim(secret, "0123456789") == "" && len(secret) < minDigits:
		return Digits
	}
	return Strong
}

func reversed(text string) string {
	b := []byte(text)
	slices.Reverse(b)
	return string(b)
}

// mailboxes are those of voicemail.conf: "1001 => 1234,Name". Their secrets are dialled, so
// only those that anybody can guess are weak.
func (r *reader) mailboxes() (list []Secret) {
	r.all = true
	r.begin()
	r.file(place{}, filepath.Join(r.dir, "voicemail.conf"), true)
	r.all = false
	for _, s := range r.sections {
		if s.template || strings.EqualFold(s.name, "general") || strings.EqualFold(s.name, "zonemessages") || strings.EqualFold(s.name, "aliases") {
			continue
		}
		for _, set := range s.settings {
			secret, _, found := strings.Cut(set.value, ",")
			if !found || set.key == "" || strings.Trim(set.key, "0123456789") != "" {
				continue
			}
			one := Secret{File: "voicemail.conf", Account: set.key, At: set.at.public()}
			if f := fault(strings.TrimPrefix(strip(secret), "-"), set.key); f == Same || f == Empty || f == Usual {
				one.Fault = f
			}
			list = append(list, one)
		}
	}
	return list
}

// Admits reports whether lines permit and deny let an address of the world in, one that no
// admin knows. What is not denied is permitted, and the last line that fits counts:
// asterisk:main/acl.c ast_apply_ha. A named list (acl) is taken to refuse it.
func Admits(settings []Setting) bool {
	var list []setting
	for _, s := range settings {
		list = append(list, setting{key: s.Key, value: s.Value})
	}
	return admits(list, true)
}

// admits is Admits, for the world or for another machine of our own network.
func admits(list []setting, world bool) bool {
	addr := "10.123.45.67"
	if world {
		addr = "198.51.100.123"
	}
	open := true
	for _, s := range list {
		if s.key == "acl" && s.value != "" {
			return false
		}
		for item := range strings.SplitSeq(s.value, ",") {
			p, err := parsePrefix(strip(item))
			if (s.key == "permit" || s.key == "deny") && err == nil && p.Contains(netip.MustParseAddr(addr)) {
				open = s.key == "permit"
			}
		}
	}
	return open
}
