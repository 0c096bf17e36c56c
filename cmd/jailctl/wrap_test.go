package main

import (
	"slices"
	"strings"
	"testing"
)

// A command can be copied from one line, whatever the width is.
func TestWrapCommands(t *testing.T) {
	for _, c := range []struct{ text, whole string }{
		{"   hint: write 2 lines below [logfiles] in /etc/asterisk/logger.conf: messages => notice,warning,error and security => security; then: asterisk -rx 'logger reload'", "asterisk -rx 'logger reload'"},
		{"   hint: write to logger.conf: messages => notice,warning,error and security => security, then reload", "messages => notice,warning,error"},
		{"   hint: install it with the kernel's sets (apt-get install iptables ipset; modprobe -a xt_set ip_set_hash_net) and restart pbxjail", "modprobe -a xt_set ip_set_hash_net)"},
		{"   hint: install it with the kernel's sets (apt-get install iptables ipset; modprobe -a xt_set ip_set_hash_net) and restart pbxjail", "(apt-get install iptables ipset;"},
		{"   hint: first do what the hints of the other problems say. To see the log of pbxjail: journalctl -u pbxjail; to test the firewall: jailctl doctor --probe", "jailctl doctor --probe"},
		{"the database that comes with pbxjail is old; fetch a newer one: jailctl geoip update --from FILE|URL", "jailctl geoip update --from FILE|URL"},
		{"if the owner made this log-in, or after you set a new password, run: jailctl ack sip trunk", "jailctl ack sip trunk"},
		{"write wire: {enabled: true} into the main file; then: systemctl restart pbxjail", "wire: {enabled: true}"},
		{"a rule that is not ours jumps to the chain, find it with: iptables-save | grep -- '-j '", "iptables-save | grep -- '-j '"},
	} {
		for width := 20; width <= len(c.text)+1; width++ {
			lines := wrap(c.text, width, width-4)
			if got := strings.Join(lines, "\n"); !strings.Contains(got, c.whole) {
				t.Errorf("width %d: got\n%s\nwant %q in one line", width, got, c.whole)
			}
			if got := strings.Join(strings.Fields(strings.Join(lines, " ")), " "); got != strings.Join(strings.Fields(c.text), " ") {
				t.Errorf("width %d: got the text %q, want %q", width, got, c.text)
			}
		}
	}
}

// A sentence that only mentions verbs is broken between them.
func TestWrapSentence(t *testing.T) {
	got := wrap("jailctl list and jailctl why show them, and so on", 20, 20)
	if want := []string{"jailctl list and", "jailctl why show", "them, and so on"}; strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// No text is lost, and no line is wider than it may be, where there is no command.
func FuzzWrap(f *testing.F) {
	f.Add("run: jailctl off; then asterisk -rx 'core show' => x {a", 20)
	f.Add("   hint: "+strings.Repeat("x", 50), 10)
	f.Fuzz(func(t *testing.T, text string, width int) {
		if width < 1 || width > 200 {
			return
		}
		lines := wrap(text, width, width)
		drop := strings.NewReplacer(" ", "")
		if got := drop.Replace(strings.Join(lines, "")); got != drop.Replace(text) {
			t.Errorf("got %q, want %q", got, drop.Replace(text))
		}
		for _, line := range lines {
			if len(line) > width && !slices.Contains(keptParts(line), true) {
				t.Errorf("got %d characters in a line of %d without a command: %q", len(line), width, line)
			}
		}
	})
}
