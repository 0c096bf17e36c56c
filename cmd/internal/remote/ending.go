package remote

import (
	"fmt"
	"slices"
	"strings"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Ending is how a call of ssh ended.
type Ending struct {
	Exit    int    // exit status of ssh; -1: a signal ended it
	Greeted bool   // jailctl was there
	Before  string // what the other PBX printed before that; foreign text
	Said    string // the beginning of what came on standard error; foreign text
}

// sshFailed is the exit status of ssh(1) when ssh itself fails.
const sshFailed = 255

// cause is a reason that ssh gives (openssh:sshconnect.c, packet.c, readconf.c), and what to
// do about it. HOST in do is the host, and LOGIN what ssh needs to log in there.
type cause struct{ says, what, do string }

// The first that fits counts.
var causes = [...]cause{
	{"REMOTE HOST IDENTIFICATION HAS CHANGED", "the host key is not the one that ssh knows: another machine answers, or the PBX was installed again",
		"to see the fingerprint, run on the PBX itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; ssh LOGIN prints the one that came, and how to remove the old key if the two are the same"},
	{"Host key verification failed", "ssh does not know its host key, or the key was not accepted",
		"log in once and compare the fingerprint: ssh LOGIN"},
	{"Could not resolve hostname", "no address is known for this name", "check the spelling, and the Host entries in ~/.ssh/config"},
	{"Permission denied (", "it does not accept the key or the password of this user", "to install your key there: ssh-copy-id LOGIN; if the key has a passphrase, give it to the agent: ssh-add; to see which keys ssh offers: ssh -v LOGIN"},
	{"Too many authentication failures", "ssh offered too many keys", "write IdentitiesOnly yes and IdentityFile FILE for this host into ~/.ssh/config"},
	{"Connection refused", "no ssh server answers at this port", "check the port: user@host:PORT, or Port in ~/.ssh/config"},
	{"timed out", "it does not answer", "check that the PBX runs, and that a firewall or a ban does not drop your packets"},
	{"No route to host", "no network leads to it", "check that the PBX runs, and the network or VPN of this machine"},
	{"Network is unreachable", "no network leads to it", "check the network or VPN of this machine"},
	{"no matching", "its ssh server is too old or too new for this ssh", "run ssh LOGIN, and write what it names into ~/.ssh/config, such as HostKeyAlgorithms +ssh-rsa"},
	{"Bad owner or permissions on", "ssh refuses its configuration", "only you may write to ~/.ssh/config: chmod 600 ~/.ssh/config"},
	{"Bad configuration option", "ssh refuses its configuration", "to see the line: ssh LOGIN"},
	{"Connection closed by", "it closed the connection before the log-in", "look at the log of its ssh server; a firewall or MaxStartups may be the cause"},
	{"Connection reset by", "it closed the connection before the log-in", "look at the log of its ssh server; a firewall or MaxStartups may be the cause"},
}

// far are reasons of the other PBX, where ssh has logged in.
var far = [...]cause{
	{`unknown verb "remote"`, "the pbxjail there is too old for this", "install this release of pbxjail on HOST"},
	{"a password is required", "sudo asks for a password there", "as root on HOST, write USER ALL=(root) NOPASSWD: /usr/bin/jailctl remote into /etc/sudoers.d/pbxjail with visudo; the user can then ban, unban and allow addresses, and read the history and the list of recordings: jailctl help hosts"},
	{"is not allowed to", "sudo refuses this user there", "as root on HOST, write USER ALL=(root) NOPASSWD: /usr/bin/jailctl remote into /etc/sudoers.d/pbxjail with visudo; the user can then ban, unban and allow addresses, and read the history and the list of recordings: jailctl help hosts"},
	{"sudo: not found", "there is no sudo on it", "log in as root, without --sudo"},
	{"sudo: command not found", "there is no sudo on it", "log in as root, without --sudo"},
}

// Err says why the other PBX did not run the verb to its end; nil: it did, and Exit is of the
// verb.
func (e Ending) Err(t Target) error {
	switch {
	case e.Greeted && e.Exit != sshFailed && e.Exit >= 0:
		return nil
	case e.Greeted:
		return hint.Errorf("the answer is not complete; run the command again", "%s: the connection was lost while jailctl ran there", t)
	case e.Exit < 0 && e.Said == "":
		return hint.Errorf("run the command again", "%s: ssh was killed", t)
	case e.Exit == sshFailed || e.Exit < 0:
		return e.because(t, causes[:], "ssh failed", "to see more: ssh -v LOGIN")
	case e.Exit == 127 && !strings.Contains(e.Said, "sudo:"):
		return hint.Errorf("install pbxjail on it; if jailctl is there, it must be in PATH of a log-in without a terminal, such as /usr/bin", "%s: there is no jailctl on it", t)
	}
	return e.because(t, far[:], fmt.Sprintf("jailctl did not start there (exit status %d)", e.Exit), "to see what it prints: ssh LOGIN jailctl version")
}

// because is the cause that the text on standard error names. What it is about comes first,
// since forty of these can be in one table.
func (e Ending) because(t Target, list []cause, else_, do string) error {
	for _, c := range list {
		if strings.Contains(e.Said, c.says) {
			return hint.Errorf(filled(c.do, t), "%s: %s", t, c.what)
		}
	}
	if line := lastLine(e.Said + "\n" + e.Before); line != "" {
		else_ += ": " + show.Quoted(line, 200)
	}
	return hint.Errorf(filled(do, t), "%s: %s", t, else_)
}

// filled is a hint with the names in it. Those of a Target are safe to copy into a shell.
func filled(do string, t Target) string {
	login := slices.DeleteFunc(t.arguments(), func(a string) bool { return a == "--" })
	return strings.NewReplacer("HOST", t.String(), "LOGIN", strings.Join(login, " ")).Replace(do)
}

// lastLine is the last line that has something in it.
func lastLine(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); line != "" {
			return line
		}
	}
	return ""
}
