package asterisk

import (
	"fmt"
	"slices"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// secrets names accounts with weak secrets. The secrets themselves never come here.
func secrets(m *audit.Machine) (list []findings.Finding) {
	dirs, other := folders(m)
	if other != nil {
		return nil // the check of the manager interface says it
	}
	looked, hashes := 0, 0
	for _, dir := range dirs {
		all, hashed, problems := asterisk.Secrets(dir)
		looked, hashes = looked+len(all), hashes+hashed
		list = append(list, unread("secrets", "how strong the secrets are", problems)...)
		list = append(list, weak(m, all)...)
	}
	if len(list) == 0 {
		f := audit.OK("secrets", "%s in files of Asterisk: none is empty, usual, short or made from the name", show.Count(looked, "secret"))
		if hashes > 0 {
			f.What += fmt.Sprintf("; %s cannot be judged, because only a hash is stored", show.Count(hashes, "secret"))
		}
		if looked == 0 {
			f.Severity, f.What = findings.Unknown, "cannot tell how strong the secrets are: the files of Asterisk have none. They can be in a database"
			f.Hint = "look at the secrets in your database by hand: at least 12 characters, made by a program"
		}
		list = append(list, f)
	}
	return list
}

// newPIN is how to give a mailbox another secret: callers type it, so it has digits alone.
func newPIN(m *audit.Machine) []findings.Step {
	list := []findings.Step{findings.Command("tr -dc 0-9 </dev/urandom | head -c 8; echo")}
	if m.FreePBX() {
		return append(list, findings.Step{Where: "in the web interface: Applications, Extensions, the extension, Voicemail, field Voicemail Password: write the digits that the command prints; then Submit and Apply Config"})
	}
	return append(list, findings.Step{Where: "in voicemail.conf, behind =>: write the digits that the command prints in place of the old ones"}, findings.Command("asterisk -rx 'voicemail reload'"))
}

// weak are the accounts with weak secrets, those of one file and one fault together.
func weak(m *audit.Machine, all []asterisk.Secret) (list []findings.Finding) {
	for _, s := range all {
		if s.Fault == asterisk.Strong {
			continue
		}
		what := fmt.Sprintf("accounts of %s can be guessed: the secret %s", s.File, s.Fault)
		severity := findings.Broken
		switch {
		case s.File == "voicemail.conf":
			what = fmt.Sprintf("mailboxes can be guessed: the secret %s. Who is in hears the messages, and can perhaps call out", s.Fault)
			severity = findings.Risky
		case s.Local:
			what += "; only this machine may log in"
			severity = findings.Risky
		case s.Fault == asterisk.Short || s.Fault == asterisk.Digits:
			severity = findings.Risky
		}
		i := slices.IndexFunc(list, func(f findings.Finding) bool { return f.What == what })
		if i < 0 {
			i = len(list)
			f := findings.Finding{
				About: "secrets", Severity: severity, What: what,
				Hint: "write a secret that a program made, such as: openssl rand -hex 16; then write the same one into the phone or the program",
			}
			if s.File == "voicemail.conf" {
				f.Fix, f.Hint = newPIN(m), "give each mailbox a PIN of 8 random digits, and say the new PIN to the user of the mailbox"
			}
			list = append(list, f)
		}
		list[i].Evidence = append(list[i].Evidence, where(m, s.At)+": account "+show.Word(s.Account, 60))
	}
	return list
}
