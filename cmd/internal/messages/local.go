package messages

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	"pbxjail/cmd/internal/program"
	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// command runs a program of the admin: fixed arguments, and the message as JSON on its
// standard input.
type command struct{ cfg configs.Channel }

func (s *command) send(ctx context.Context, m *Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	err = program.Give(ctx, append(body, '\n'), s.cfg.Command[0], s.cfg.Command[1:]...)
	return secrets{}.cleaned(hint.Add("test the program as the user of pbxjail: echo '{}' | sudo -u pbxjail "+s.cfg.Command[0]+"; echo $? must print 0 within 30 seconds", err))
}

// localMail hands a mail to the mail program of this machine.
type localMail struct{ cfg configs.Channel }

// usualSendmail is where mail programs install themselves: hier(7), LSB 4.1.
const usualSendmail = "/usr/sbin/sendmail"

func (s *localMail) send(ctx context.Context, m *Message) error {
	path := usualSendmail
	if len(s.cfg.Command) > 0 {
		path = s.cfg.Command[0]
	}
	l, err := letter(s.cfg, s.cfg.To[0], m)
	if err != nil {
		return err
	}
	if err := l.To(s.cfg.To...); err != nil {
		return hint.Errorf(correct("to"), "to of this channel: this is not a mail address: %w", err)
	}
	text, err := bytesOf(l)
	if err != nil {
		return err
	}
	// -i: a dot alone ends nothing. The addresses are checked: none begins with a dash.
	err = program.Give(ctx, text, path, append([]string{"-i", "-f", s.cfg.From, "--"}, s.cfg.To...)...)
	return secrets{}.cleaned(hint.Add(sendmailHint(path), err))
}

// sendmailHint is what to do when the mail program fails.
func sendmailHint(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "install a mail program, or write its path into the main file, as command: [PATH] of this channel; or write type: mail, with the mail server of your provider as server"
	case info.Mode()&(os.ModeSetgid|os.ModeSetuid) != 0 || noNewPrivileges():
		return "the unit of pbxjail gives its programs no more rights (NoNewPrivileges), which Postfix and Exim need: in the main file, write type: mail, server: 127.0.0.1:25 and tls: none for this channel; an example: jailctl help notify"
	}
	return "to see why, read the log of the mail program: journalctl -e, or /var/log/mail.log"
}

// noNewPrivileges reports whether this process can get no more rights: proc(5).
func noNewPrivileges() bool {
	data, _ := os.ReadFile("/proc/self/status")
	return strings.Contains(string(data), "\nNoNewPrivs:\t1")
}
