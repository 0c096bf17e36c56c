package freepbx

import (
	"fmt"
	"io/fs"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/php"
	"pbxjail/cmd/internal/findings"
)

// ariFiles is where the page of recordings decides who logs in, below a folder of the web
// server: the first one is that of Elastix and of old FreePBX, the second one that of its
// module.
var ariFiles = []string{"/recordings/includes/login.php", "/admin/modules/fw_ari/htdocs_ari/includes/login.php"}

const mostPHP = 1 << 20 // bytes of one file

// ari looks whether the cookie ari_auth goes to unserialize, which makes objects of any
// class, and so runs commands. Also a text that was encrypted does: the key is the same on
// every machine that did not change it.
func ari(m *audit.Machine) (list []findings.Finding) {
	b, other := look(m)
	if other != nil {
		return nil // the first check says it
	}
	list = b.unseenRoots("whether the page of recordings has the hole CVE-2014-7235")
	looked := 0
	for _, root := range b.roots {
		for _, file := range ariFiles {
			name := root + file
			info, err := m.Stat(name)
			if missing(err) {
				continue
			}
			var text []byte
			if err == nil {
				text, err = m.Read(name, mostPHP)
			}
			if err != nil {
				list = append(list, m.Unseen("ARI", "whether "+named(name)+" has the hole CVE-2014-7235", err))
				continue
			}
			looked++
			list = append(list, ariOf(m, name, string(text), info)...)
		}
	}
	if looked == 0 && len(list) == 0 {
		return []findings.Finding{audit.Absent("ARI", "the old page of recordings (login.php of ARI, the Asterisk Recording Interface) is not installed. The ARI of Asterisk itself (ari.conf) is something else")}
	}
	if len(list) == 0 {
		list = append(list, audit.OK("ARI", "the old page of recordings (login.php) reads its cookie with json_decode, not with unserialize"))
	}
	return list
}

// ariOf looks at one login.php.
func ariOf(m *audit.Machine, name, text string, info fs.FileInfo) (list []findings.Finding) {
	tokens, whole := php.Tokens(text)
	if !whole {
		return []findings.Finding{{About: "ARI", Severity: findings.Unknown, What: "cannot tell whether " + named(name) + " has the hole CVE-2014-7235: it is too large", Hint: "a login.php of ARI has some 500 lines: compare this one with the original file"}}
	}
	owner := ownerOf(m, info)
	evidence := []string{fmt.Sprintf("%s: owner %s, mode %04o", named(name), owner, info.Mode().Perm())}
	open := 0
	for _, at := range php.Calls(tokens, "unserialize") {
		args, _ := php.Arguments(tokens, at+1)
		if len(args) > 1 && refusesClasses(args[1]) {
			continue
		}
		open++
		evidence = append(evidence, fmt.Sprintf("%s:%d: unserialize, and no allowed_classes", named(name), tokens[at].Line))
	}
	if open > 0 {
		list = append(list, findings.Finding{
			About: "ARI", Severity: findings.Broken, Evidence: evidence, References: []string{"CVE-2014-7235", "https://nvd.nist.gov/vuln/detail/CVE-2014-7235"},
			What: "anybody who can open the page of recordings can run commands on this machine: the page makes objects of a cookie (unserialize)",
			Fix: []findings.Step{
				findings.Write("in "+named(name)+", in place of unserialize($_COOKIE['ari_auth']) and of the unserialize of the decrypted text", "json_decode($_COOKIE['ari_auth'], true)", "json_decode($crypt->decrypt($data, $ARI_CRYPT_PASSWORD), true)"),
				findings.Write("in the same file, json_encode in place of serialize, where the cookie is made"),
			},
		})
	}
	if info.Mode().Perm()&0o022 != 0 {
		list = append(list, findings.Finding{
			About: "ARI", Severity: findings.Risky, Evidence: evidence[:1],
			What: "other users of this machine can change the page that decides who logs in to the recordings",
			Fix:  []findings.Step{findings.Command("chmod 644 " + audit.ShellWord(name))},
		})
	}
	return list
}

// refusesClasses knows ['allowed_classes' => false].
func refusesClasses(list []php.Token) bool {
	for i, t := range list {
		if t.Kind == php.Text && t.Text == "allowed_classes" && i+3 < len(list) {
			return list[i+3].Is(php.Word, "false")
		}
	}
	return false
}
