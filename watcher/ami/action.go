package ami

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

const (
	// maxWaiting bounds the actions whose answers have not come yet.
	maxWaiting = 32
	// maxLine is how long a line of an action may be: Asterisk reads 1024 bytes of one.
	maxLine = 1000
	// listTime is how long a list may take.
	listTime = 30 * time.Second
)

var (
	// ErrDown says that there is no connection now.
	ErrDown = errors.New("there is no connection to the manager interface of Asterisk now")
	errBusy = errors.New("too many actions wait for answers")
	errLost = errors.New("the connection ended before the answer came")
	// errListLong says that a list had more parts than the caller takes.
	errListLong = errors.New("the list of Asterisk is longer than pbxjail reads")
)

// listMark ends the numbers of actions that are answered with a list.
const listMark = "L"

// isList reports whether an action of ours is answered with a list.
func isList(id string) bool { return strings.HasSuffix(id, listMark) }

// waiter waits for the answer to one action.
type waiter struct {
	item  func(packet []byte) bool // of a list; false: no more of them are taken. nil: it is no list
	done  chan struct{}            // closed with the last packet, or when the connection ends
	first []byte                   // the answer
	err   error                    // set before done is closed
}

// Do sends an action and returns the answer of Asterisk. It waits for ten seconds at most.
// An answer that says no is an error. It may be called from any goroutine, but not from
// Options.Event, which would wait for itself. Keys and values must hold no line end.
func (c *Client) Do(ctx context.Context, action string, fields ...[2]string) ([]byte, error) {
	if c.State().Since.IsZero() {
		return nil, fmt.Errorf("action %s: %w", action, ErrDown)
	}
	return c.ask(ctx, action, fields...)
}

// ask is Do also before the log-in is done.
func (c *Client) ask(ctx context.Context, action string, fields ...[2]string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	w := &waiter{done: make(chan struct{})}
	if err := c.await(ctx, w, action, fields); err != nil {
		return nil, err
	}
	return w.first, nil
}

// List sends an action that is answered with a list, and calls item with each part of it
// until item returns false. A list without an end is an error; its parts are right all the
// same. item is called from the goroutine of Run; it must not wait, and not call the Client.
// It is not called after List has returned.
func (c *Client) List(ctx context.Context, item func(packet []byte) bool, action string, fields ...[2]string) error {
	if c.State().Since.IsZero() {
		return fmt.Errorf("action %s: %w", action, ErrDown)
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	w := &waiter{done: make(chan struct{}), item: item}
	return c.await(ctx, w, action, fields)
}

// Hangup ends a channel, which is named as Asterisk names it. It needs the right write = call.
// That there is no such channel is no error: the call has ended by itself
// (asterisk:main/manager.c, action_hangup).
func (c *Client) Hangup(ctx context.Context, channel string) error {
	if strings.HasPrefix(channel, "/") {
		return fmt.Errorf("cannot hang up: %s is a pattern and not a channel", show.Escaped(channel)) // asterisk:main/manager.c, action_hangup
	}
	_, err := c.Do(ctx, "Hangup", [2]string{"Channel", channel})
	if said, no := Refused(err); no && strings.Contains(said, "No such channel") {
		return nil
	}
	return permission("call", err)
}

// DBPut writes a value into Asterisk's database. It needs the right write = system.
func (c *Client) DBPut(ctx context.Context, family, key, value string) error {
	_, err := c.Do(ctx, "DBPut", [2]string{"Family", family}, [2]string{"Key", key}, [2]string{"Val", value})
	return permission("system", err)
}

// DBDel removes a key from Asterisk's database. It needs the right write = system. That there is
// no such key is no error: an admin may have removed it by hand (asterisk:main/db.c).
func (c *Client) DBDel(ctx context.Context, family, key string) error {
	_, err := c.Do(ctx, "DBDel", [2]string{"Family", family}, [2]string{"Key", key})
	if said, no := Refused(err); no && strings.Contains(said, "not found") {
		return nil
	}
	return permission("system", err)
}

// permission adds to an error which right an action needs, if it may be that.
func permission(class string, err error) error {
	if r, is := errors.AsType[refused](err); is && strings.Contains(r.message, "ermission") {
		return hint.Add("in manager.conf, add "+class+" to write = of this user; then: asterisk -rx 'manager reload'", err)
	}
	return err
}

// await sends an action and waits for its answer, which it keeps in w.
func (c *Client) await(ctx context.Context, w *waiter, action string, fields [][2]string) error {
	text, id, err := c.write(action, w.item != nil, fields)
	if err != nil {
		return fmt.Errorf("action %s: %w", action, err)
	}
	conn, err := c.register(id, w)
	if err != nil {
		return fmt.Errorf("action %s: %w", action, err)
	}
	defer c.forget(id)
	c.writing.Lock()
	conn.SetWriteDeadline(time.Now().Add(writeTime))
	_, err = conn.Write(text)
	c.writing.Unlock()
	if err != nil {
		conn.Close() // half an action is sent
		return fmt.Errorf("action %s: %w", action, err)
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		return fmt.Errorf("action %s: Asterisk does not answer: %w", action, ctx.Err())
	}
	if w.err != nil {
		return fmt.Errorf("action %s: %w", action, w.err)
	}
	return nil
}

// write makes the text of an action. list says that it is answered with a list.
func (c *Client) write(action string, list bool, fields [][2]string) (text []byte, id string, err error) {
	id = c.prefix + strconv.FormatUint(c.actions.Add(1), 10)
	if list {
		id += listMark
	}
	for _, f := range append([][2]string{{"Action", action}, {"ActionID", id}}, fields...) {
		line := f[0] + ": " + f[1]
		if strings.ContainsAny(line, "\r\n\x00") || strings.Contains(f[0], ":") {
			return nil, "", fmt.Errorf("%s cannot hold %q", show.Escaped(f[0]), "a line end")
		}
		if len(line) > maxLine {
			return nil, "", fmt.Errorf("%s is longer than Asterisk reads", show.Escaped(f[0]))
		}
		text = append(append(text, line...), lineEnd...)
	}
	return append(text, lineEnd...), id, nil
}

// ours is the number of the action that a packet answers; "": it answers none of ours. Only our
// own actions have these numbers, which are random.
func (c *Client) ours(packet []byte) (id string) {
	if id := field(packet, "ActionID"); bytes.HasPrefix(id, []byte(c.prefix)) {
		return string(id)
	}
	return ""
}

// answer gives a packet to the action that waits for it, if it still waits.
func (c *Client) answer(id string, packet []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.waiting[id]; w != nil && w.take(packet) {
		delete(c.waiting, id)
		close(w.done)
	}
}

// ends reports whether no other packet of a list follows: Asterisk refused the list, or this is
// its last packet. The name of an event is Asterisk's own, and comes first; a caller can write
// "EventList: Complete" into a part of a list.
func ends(packet []byte) bool {
	if field(packet, "Event") == nil {
		return !agrees(packet)
	}
	line, _, _ := bytes.Cut(packet, lineEnd)
	return bytes.HasPrefix(line, []byte("Event: ")) && bytes.HasSuffix(line, []byte("Complete")) && field(packet, "EventList") != nil
}

// agrees reports whether an answer says yes.
func agrees(packet []byte) bool {
	response := field(packet, "Response")
	return bytes.EqualFold(response, []byte("Success")) || bytes.EqualFold(response, []byte("Goodbye"))
}

// take keeps a packet, and reports whether it is the last one.
func (w *waiter) take(packet []byte) (last bool) {
	switch {
	case field(packet, "Event") == nil:
		w.first = bytes.Clone(packet)
		if !agrees(packet) {
			w.err = refused{show.Escaped(string(field(packet, "Message")))}
			return true
		}
		return w.item == nil
	case ends(packet):
		if bytes.EqualFold(field(packet, "EventList"), []byte("Cancelled")) {
			w.err = errLost
		}
		return true
	case w.item != nil && !w.item(packet):
		w.err = errListLong
		return true
	}
	return false
}
