package configs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Notify says who gets messages of what pbxjail decides and of what is wrong with it.
type Notify struct {
	Host     string    `yaml:"host" optional:"pbx.example.net" doc:"Name of this machine in the messages. Left out: its host name."`
	ManyBans int       `yaml:"many_bans" default:"50" check:"from 2 to 1000000" doc:"With so many bans within one minute, one message of kind many-bans counts them all."`
	Channels []Channel `yaml:"channels" optional:"" doc:"Where messages go. jailctl notify test sends a message to each of them."`
}

// MessageKinds are the kinds of messages, as Channel.Kinds names them.
var MessageKinds = []string{"guessed", "stolen", "enforcement", "blind", "protected", "forged", "fraud", "many-bans", "feed", "ban"}

// Channel is one way that messages go.
type Channel struct {
	Line int // its line in the file

	Name         string        `yaml:"name" example:"admins" doc:"Name of the channel in jailctl notify and in status."`
	Type         string        `yaml:"type" example:"mail" check:"one of mail sendmail webhook program slack teams discord ntfy telegram matrix" doc:"mail (SMTP), sendmail (the local mail program), webhook (JSON over HTTP), program (your own, with JSON on its standard input), or a chat: slack, teams, discord, ntfy, telegram, matrix."`
	Enabled      bool          `yaml:"enabled" default:"true" doc:"false switches the channel off."`
	Kinds        []string      `yaml:"kinds" optional:"[guessed, enforcement, blind]" check:"one of guessed stolen enforcement blind protected forged fraud many-bans feed ban" doc:"Kinds of messages that go here: guessed (a password may be guessed), stolen (an account makes calls like a thief), enforcement (bans are not in force), blind (a log is not read), protected (a protected address attacks), forged (a log line that no packet confirms), fraud, many-bans, feed (a list is old), ban. Left out: all."`
	Least        string        `yaml:"least" default:"warning" check:"one of info warning critical" doc:"The least severity that goes here. info: also each ban. warning: also protected, forged, fraud, many-bans and feed. critical: only guessed, stolen, enforcement and blind."`
	Digest       time.Duration `yaml:"digest" default:"5m" check:"from 1s to 1d" doc:"How long messages that are not critical are collected; they go together in one message. Critical messages go at once."`
	Limit        int           `yaml:"limit" default:"30" check:"from 1 to 3600" doc:"How many messages an hour go here at most. Further messages wait, and go together in the next message."`
	To           []string      `yaml:"to" optional:"[admin@example.net]" doc:"mail and sendmail: who gets the mail."`
	From         string        `yaml:"from" optional:"pbxjail@pbx.example.net" doc:"mail and sendmail: the sender."`
	Server       string        `yaml:"server" optional:"mail.example.net:587" doc:"mail: the server, with its port. Without a port, it is 587 for tls: starttls, 465 for tls: tls, and 25 for tls: none."`
	TLS          string        `yaml:"tls" default:"starttls" check:"one of starttls tls none" doc:"mail: with starttls and tls, nothing goes over a connection that is not encrypted. none is for a server on this machine, such as 127.0.0.1:25."`
	User         string        `yaml:"user" optional:"pbxjail" doc:"mail: the name for the log-in at the server. It needs password_file."`
	PasswordFile string        `yaml:"password_file" optional:"/etc/pbxjail/mail.password" doc:"mail: a file with the password, or credential:NAME for a credential of systemd. This file and the other ones with secrets are read for each message."`
	URL          string        `yaml:"url" optional:"https://alerts.example.net/pbx" doc:"webhook and chats: where the message goes, http or https. For ntfy with the topic, for matrix the home server. For telegram it may be left out."`
	URLFile      string        `yaml:"url_file" optional:"/etc/pbxjail/slack.url" doc:"In place of url: a file with the address, or credential:NAME. The addresses of Slack, Teams and Discord are secrets."`
	TokenFile    string        `yaml:"token_file" optional:"/etc/pbxjail/telegram.token" doc:"telegram, matrix, ntfy and webhook: a file with the access token, or credential:NAME."`
	SecretFile   string        `yaml:"secret_file" optional:"credential:webhook-secret" doc:"webhook: a file with the key that signs the message, or credential:NAME. The header X-Pbxjail-Signature has sha256= and the HMAC of X-Pbxjail-Timestamp, a dot, and the body."`
	CAFile       string        `yaml:"ca_file" optional:"/etc/pbxjail/ca.pem" check:"path" doc:"A file with certificates (PEM) of the authorities that pbxjail trusts for this channel, in place of those of the system."`
	Chat         string        `yaml:"chat" optional:"'-1001234567'" doc:"telegram: the number or the name of the chat. matrix: the room, such as '!abc:example.net'."`
	Template     string        `yaml:"template" optional:"'{\"text\": \"{{title}}\"}'" doc:"webhook: the body, which is JSON. {{title}}, {{text}}, {{severity}}, {{kind}}, {{host}}, {{id}} and {{time}} belong inside quotes; {{json}} is the whole message. Left out: {{json}}."`
	Command      []string      `yaml:"command" optional:"[/usr/local/bin/alert, --pbx]" doc:"program: the full path and its fixed arguments; no shell is used. sendmail: the path of the mail program; left out, /usr/sbin/sendmail."`
}

const (
	maxChannels = 16
	maxTemplate = 8 << 10
	// CredentialPrefix is what a secret begins with that systemd keeps: systemd.exec(5),
	// LoadCredential=.
	CredentialPrefix = "credential:"
)

// Takes reports whether messages of a kind and a severity (info, warning, critical) go to
// the channel.
func (c *Channel) Takes(kind, severity string) bool {
	order := []string{"info", "warning", "critical"}
	return c.Enabled && (len(c.Kinds) == 0 || slices.Contains(c.Kinds, kind)) && slices.Index(order, severity) >= slices.Index(order, c.Least)
}

// Address is the server of mail with its port.
func (c *Channel) Address() (host string, port int) {
	host, text, err := net.SplitHostPort(c.Server)
	if err != nil {
		return strings.Trim(c.Server, "[]"), map[string]int{"starttls": 587, "tls": 465, "none": 25}[c.TLS]
	}
	port, _ = strconv.Atoi(text)
	return host, port
}

// channelKeys are the keys of each type beside those of all types: those that must be
// there, one of each, and those that may.
var channelKeys = map[string]struct{ must, may []string }{
	"mail":     {[]string{"to", "from", "server"}, []string{"tls", "user", "password_file", "ca_file"}},
	"sendmail": {[]string{"to", "from"}, []string{"command"}},
	"webhook":  {[]string{"url or url_file"}, []string{"token_file", "secret_file", "template", "ca_file"}},
	"program":  {[]string{"command"}, nil},
	"slack":    {[]string{"url or url_file"}, []string{"ca_file"}},
	"teams":    {[]string{"url or url_file"}, []string{"ca_file"}},
	"discord":  {[]string{"url or url_file"}, []string{"ca_file"}},
	"ntfy":     {[]string{"url or url_file"}, []string{"token_file", "ca_file"}},
	"telegram": {[]string{"token_file", "chat"}, []string{"url", "ca_file"}},
	"matrix":   {[]string{"url or url_file", "token_file", "chat"}, []string{"ca_file"}},
}

// ofAllTypes are the keys that each channel may have.
var ofAllTypes = []string{"name", "type", "enabled", "kinds", "least", "digest", "limit"}

func (n *Notify) validate(d *decoder) {
	if len(n.Channels) > maxChannels {
		d.fault("notify.channels", "remove some channels. One channel of type mail can send to many addresses: to: [a@example.net, b@example.net]", "too many channels: %d, the limit is %d", len(n.Channels), maxChannels)
	}
	first := map[string]int{}
	for i := range n.Channels {
		c, at := &n.Channels[i], fmt.Sprintf("notify.channels[%d]", i)
		c.validate(d, at)
		if line := first[c.Name]; line != 0 {
			d.fault(at+".name", "give one of the two channels another name", "%s is already the name of the channel in line %d", quote(c.Name), line)
		}
		first[c.Name] = c.Line
	}
}

func (c *Channel) validate(d *decoder, at string) {
	if !jailName.MatchString(c.Name) {
		d.fault(at+".name", "use a to z, 0 to 9 and -, at most 20 characters", "%s cannot be the name of a channel", quote(c.Name))
	}
	keys, known := channelKeys[c.Type]
	if !known {
		return // check said so
	}
	c.validateKeys(d, at, keys.must, keys.may)
	c.validateMail(d, at)
	c.validateURL(d, at)
	checkSecret(d, at+".password_file", c.PasswordFile)
	checkSecret(d, at+".url_file", c.URLFile)
	checkSecret(d, at+".token_file", c.TokenFile)
	checkSecret(d, at+".secret_file", c.SecretFile)
	if len(c.Command) > 0 && !strings.HasPrefix(c.Command[0], "/") {
		d.fault(at+".command", "write the full path of the program, such as /usr/local/bin/alert, then its arguments", "%s does not begin with /", quote(c.Command[0]))
	}
	if c.Type == "sendmail" && len(c.Command) > 1 {
		d.fault(at+".command", "write only the path of sendmail: pbxjail adds the arguments", "must be a path without arguments")
	}
	if c.Template != "" {
		c.validateTemplate(d, at+".template")
	}
}

// validateKeys checks that a channel has the keys of its type, and no others.
func (c *Channel) validateKeys(d *decoder, at string, must, may []string) {
	v := reflect.ValueOf(c).Elem()
	has := func(name string) bool {
		_, given := d.given[at+"."+name]
		k, _ := find(keysOf(v.Type()), name)
		_, plain := k.Tag.Lookup("default")
		return given && (plain || !v.FieldByIndex(k.Index).IsZero())
	}
	allowed := slices.Concat(ofAllTypes, may)
	for _, one := range must {
		names := strings.Split(one, " or ")
		allowed = append(allowed, names...)
		if !slices.ContainsFunc(names, has) {
			key := `"` + strings.ReplaceAll(one, " or ", `" or "`) + `"`
			d.fault(at, "write the key "+key+"; jailctl check --reference shows an example", "a channel of type %s needs the key %s", c.Type, key)
		}
		if len(names) == 2 && has(names[0]) && has(names[1]) {
			d.fault(at+"."+names[1], "remove one of the two keys", "has both %s and %s", names[0], names[1])
		}
	}
	for _, k := range keysOf(v.Type()) {
		if !slices.Contains(allowed, k.name) && has(k.name) {
			d.fault(at+"."+k.name, "remove this key, or write another type", "does not work with type %s", c.Type)
		}
	}
}

func (c *Channel) validateMail(d *decoder, at string) {
	for i, to := range c.To {
		checkMail(d, fmt.Sprintf("%s.to[%d]", at, i), to)
	}
	if c.From != "" {
		checkMail(d, at+".from", c.From)
	}
	if (c.User == "") != (c.PasswordFile == "") {
		d.fault(at+".user", "write both keys, user and password_file; or remove both", "works only together with password_file")
	}
	if c.Server == "" {
		return
	}
	host, port := c.Address()
	if !serverName.MatchString(host) && !isAddr(host) || port < 1 || port > 65535 {
		d.fault(at+".server", "write the name of the server and its port, such as mail.example.net:587", "%s is not the name of a server with a port", quote(c.Server))
	} else if c.TLS == "none" && c.User != "" && !loopback(host) {
		d.fault(at+".tls", "write tls: starttls or tls: tls; ask your mail provider which one works", "the password would go to %s without encryption", quote(host))
	}
}

func (c *Channel) validateURL(d *decoder, at string) {
	if c.URL == "" {
		return
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme):
		d.fault(at+".url", "write an address such as https://alerts.example.net/pbx", "is not a web address: it must begin with http:// or https:// and the name of a server")
	case u.User != nil:
		d.fault(at+".url", "write the address into a file that only root can read; then replace the key url by url_file: PATH", "has a password in it, and too many people can read this file")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		d.warn(at+".url", "write an https address", "messages go to "+quote(u.Hostname())+" without encryption, and others can read them on the way")
	}
}

// validateTemplate checks that a template has known names alone, and makes JSON of each message.
func (c *Channel) validateTemplate(d *decoder, at string) {
	if len(c.Template) > maxTemplate {
		d.fault(at, "write a shorter template", "has %d characters, the limit is %d", len(c.Template), maxTemplate)
		return
	}
	for _, m := range templateName.FindAllStringSubmatch(c.Template, -1) {
		if !slices.Contains(TemplateNames, m[1]) {
			d.fault(at, "write one of {{"+strings.Join(TemplateNames, "}}, {{")+"}}", "the name %s is not known", quote(m[0]))
		}
	}
	body := FillTemplate(c.Template, func(name string) string {
		if name == "json" {
			return `{"x": 1}`
		}
		return `a \" \\ b`
	})
	if !json.Valid([]byte(body)) {
		d.fault(at, `write JSON, with quotes around each name, such as {"text": "{{text}}"}; only {{json}} has no quotes`, "the template is not JSON")
	}
}

// TemplateNames are what a template may have between {{ and }}.
var TemplateNames = []string{"title", "text", "severity", "kind", "host", "id", "time", "json"}

var templateName = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)

// FillTemplate puts values in place of the names of a template, once: what a value holds is
// not filled again. The values must be safe where they stand.
func FillTemplate(template string, value func(name string) string) string {
	return templateName.ReplaceAllStringFunc(template, func(m string) string { return value(templateName.FindStringSubmatch(m)[1]) })
}

// serverName is a host name that may have one word, such as localhost.
var serverName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`)

// credentialName is a name in systemd's folder of credentials.
var credentialName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}$`)

func checkSecret(d *decoder, at, file string) {
	name, is := strings.CutPrefix(file, CredentialPrefix)
	switch {
	case file == "":
	case is && !credentialName.MatchString(name):
		d.fault(at, "after the colon, write the name from LoadCredential= in the service file of pbxjail, such as credential:mail-password", "%s is not the name of a credential of systemd", quote(file))
	case !is:
		checkAbsolute(d, at, file)
	}
}

// checkMail checks an address of mail: it becomes an argument of sendmail, and part of a header.
func checkMail(d *decoder, at, text string) {
	a, err := mail.ParseAddress(text)
	plain := err == nil && a.Name == "" && a.Address == text && !strings.HasPrefix(text, "-") && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' })
	if !plain {
		d.fault(at, "write a plain address such as admin@example.net", "%s is not a mail address", quote(text))
	}
}

func isAddr(text string) bool { _, err := netip.ParseAddr(text); return err == nil }

// loopback reports whether a host is this machine, by its text.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// Target is where a channel sends to, for people: without what may be a secret.
func (c *Channel) Target() string {
	switch c.Type {
	case "mail", "sendmail":
		return cmp.Or(strings.Join(c.To, ", "), "no one")
	case "program":
		return strings.Join(c.Command[:min(1, len(c.Command))], "")
	case "telegram":
		return "chat " + c.Chat
	}
	if c.URL == "" {
		return "the address in " + c.URLFile
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return "?"
	}
	return u.Scheme + "://" + u.Host
}
