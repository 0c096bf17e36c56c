package ami

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"pbxjail/configs/hint"
)

const (
	dialTime   = 5 * time.Second
	answerTime = 10 * time.Second
	writeTime  = 5 * time.Second
)

// open connects, and reads the greeting.
func (c *Client) open(ctx context.Context) (net.Conn, *reader, error) {
	limit, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := c.opts.Dial(limit, c.opts.Address)
	if err != nil {
		do := cmp.Or(hint.Of(err), "look at [general] in manager.conf: it must have enabled = yes, and bindaddr and port as ami.address in the main file; then: asterisk -rx 'manager reload'")
		return nil, nil, hint.Errorf(do, "cannot connect to the manager interface of Asterisk: %w", err)
	}
	conn.SetReadDeadline(time.Now().Add(answerTime))
	in := newReader(conn)
	version, err := in.greeting()
	if err != nil {
		conn.Close()
		return nil, nil, hint.Errorf("the key ami.address of the main file must have the port of manager.conf, which is 5038 by default", "cannot read the greeting of %s: %w", c.opts.Address, err)
	}
	c.mu.Lock()
	c.version, c.guarded, c.filters = cleanVersion(version), false, false
	c.mu.Unlock()
	return conn, in, nil
}

// cleanVersion keeps what a version is made of.
func cleanVersion(v string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return -1
	}, v)
}

// refused is an answer that says no. Its text is Asterisk's.
type refused struct{ message string }

func (r refused) Error() string { return "Asterisk answers: " + r.message }

// Refused reports whether an error is an answer of Asterisk that says no, and how it says so.
func Refused(err error) (message string, ok bool) {
	r, ok := errors.AsType[refused](err)
	return r.message, ok
}

// login says who we are. It asks for no events yet: the guard comes first.
func (c *Client) login(ctx context.Context) error {
	secret, err := c.opts.Secret()
	if err != nil {
		return fmt.Errorf("cannot log in to the manager interface: %w", err)
	}
	proof := [2]string{"Secret", secret}
	header := [][2]string{{"Username", c.opts.User}, {"Events", "off"}}
	if !c.opts.Plain {
		answer, err := c.ask(ctx, "Challenge", [2]string{"AuthType", "MD5"})
		if err != nil {
			return fmt.Errorf("cannot ask the manager interface for a challenge: %w", err)
		}
		sum := md5.Sum(append(bytes.Clone(field(answer, "Challenge")), secret...))
		proof = [2]string{"Key", hex.EncodeToString(sum[:])}
		header = append(header, [2]string{"AuthType", "MD5"})
	}
	_, err = c.ask(ctx, "Login", append(header, proof)...)
	if _, is := errors.AsType[refused](err); is {
		return hint.Errorf("jailctl doctor says which it is, and what to write into manager.conf. Asterisk does not say if it knows the user, if the secret is wrong, or if permit of the user leaves this address out",
			"cannot log in to the manager interface as user %s: %w", c.opts.User, err)
	}
	if err != nil {
		return fmt.Errorf("cannot log in to the manager interface: %w", err)
	}
	return nil
}

// begin asks for events, after the guard is set. Without the right to set it, events come
// all the same, and prove nothing.
func (c *Client) begin(ctx context.Context) error {
	_, err := c.ask(ctx, "Filter", [2]string{"Operation", "Add"}, [2]string{"Filter", guard})
	_, no := errors.AsType[refused](err)
	if err != nil && !no {
		return fmt.Errorf("cannot set a filter for events of the manager interface: %w", err)
	}
	filters := c.lets(ctx)
	c.mu.Lock()
	c.guarded, c.filters = err == nil && !filters, filters
	c.mu.Unlock()
	// With brokeneventsaction = yes in manager.conf, Asterisk may not answer.
	if _, err := c.ask(ctx, "Events", [2]string{"EventMask", c.opts.Mask}); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("cannot ask the manager interface for events: %w", err)
	}
	return nil
}

// lets reports whether our user in manager.conf has an eventfilter that lets events pass. Asterisk
// sends an event that one such filter fits, even if ours does not (asterisk:main/manager.c,
// match_filter). Where Asterisk does not say, there is none.
func (c *Client) lets(ctx context.Context) bool {
	if !c.opts.Look {
		return false
	}
	answer, err := c.ask(ctx, "GetConfig", [2]string{"Filename", "manager.conf"}, [2]string{"Category", c.opts.User})
	defer clear(answer) // it has the secret
	return err == nil && hasInclude(answer)
}

// hasInclude reports whether an answer to GetConfig has an eventfilter that lets events pass: one
// that does not begin with "!", and is not named eventfilter(action(exclude)).
func hasInclude(answer []byte) bool {
	for line := range bytes.SplitSeq(answer, lineEnd) {
		key, set, _ := bytes.Cut(line, []byte(": "))
		if !bytes.HasPrefix(key, []byte("Line-")) {
			continue
		}
		name, value, _ := bytes.Cut(set, []byte("="))
		name, value = bytes.ToLower(bytes.TrimSpace(name)), bytes.TrimSpace(value)
		if bytes.HasPrefix(name, []byte("eventfilter")) && !bytes.Contains(name, []byte("exclude")) && !bytes.HasPrefix(value, []byte("!")) {
			return true
		}
	}
	return false
}
