package messages

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// maxSecret bounds a secret, in bytes.
const maxSecret = 4 << 10

// Secret reads a secret from a file, or from a credential of systemd. Read it for each
// use, so that a new one needs no reload. "" has none. Errors never have its text.
func Secret(ref string) (string, error) {
	if ref == "" {
		return "", nil
	}
	path, todo := ref, "write the secret into this file, in one line; then: chown root:pbxjail "+ref+"; chmod 640 "+ref
	if name, is := strings.CutPrefix(ref, configs.CredentialPrefix); is {
		todo = "run: systemctl edit pbxjail; write LoadCredential=" + name + ":FILE below [Service]; then: systemctl restart pbxjail"
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", hint.Errorf(todo, "cannot read %s: systemd gives pbxjail no credentials", ref)
		}
		path = filepath.Join(dir, name)
	}
	info, err := os.Stat(path) // before opening: opening a named pipe would wait for its writer
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("this is a folder, a device, a pipe or a socket, not a text file")
	}
	if err != nil {
		return "", hint.Errorf(todo, "cannot read the secret %s: %w", ref, cause(err))
	}
	f, err := os.Open(path)
	if err != nil {
		return "", hint.Errorf(todo, "cannot read the secret %s: %w", ref, cause(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	text := strings.TrimSpace(string(data))
	switch {
	case err != nil:
		return "", hint.Errorf(todo, "cannot read the secret %s: %w", ref, cause(err))
	case text == "" || len(data) > maxSecret || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", hint.Errorf(todo, "the secret %s cannot be used: the file must have one line of text", ref)
	}
	return text, nil
}

// cause leaves the path out, which the message has already.
func cause(err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		return inner.Err
	}
	return err
}

// secrets are what an error must not show.
type secrets []string

// cleaned is an error without the secrets, in printable ASCII. A receiver may repeat what it
// was sent. The kind of refusal and the hint stay.
func (s secrets) cleaned(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, one := range s {
		if one == "" {
			continue
		}
		for _, form := range []string{one, base64.StdEncoding.EncodeToString([]byte(one)), base64.RawURLEncoding.EncodeToString([]byte(one))} {
			text = strings.ReplaceAll(text, form, "***")
		}
	}
	if len(text) > 500 {
		text = text[:500] + "..."
	}
	clean := hint.New(hint.Of(err), show.Terminal(strings.ReplaceAll(text, "\n", "; ")))
	if _, ok := errors.AsType[refusal](err); ok {
		return refusal{clean}
	}
	if _, ok := errors.AsType[partly](err); ok {
		return partly{clean}
	}
	return clean
}

// partly is the error of a message that some of its receivers got, and others refused.
type partly struct{ error }

func (p partly) Unwrap() error { return p.error }

// correct is the hint for a key of a channel with a wrong value.
func correct(key string) string {
	return "correct the key " + key + " of this channel in the main file; then: jailctl reload"
}

// senderOf makes the sender of a channel. It opens nothing.
func senderOf(c configs.Channel) sender {
	switch c.Type {
	case "mail":
		return &mailer{cfg: c}
	case "sendmail":
		return &localMail{cfg: c}
	case "program":
		return &command{cfg: c}
	}
	if form, ok := forms[c.Type]; ok {
		return &web{cfg: c, form: form}
	}
	return unknown(c.Type)
}

// unknown is a channel of a type that nothing sends.
type unknown string

func (u unknown) String() string { return fmt.Sprintf("channel type %q", string(u)) }

func (u unknown) send(context.Context, *Message) error { return errors.New(u.String()) }
