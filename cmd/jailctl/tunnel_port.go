package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
)

const (
	// tickTime is how often a tunnel looks whether something is there.
	tickTime = 50 * time.Millisecond
	// answerTime is how long the service may take to answer.
	answerTime = 10 * time.Second
	// silence is how long a service that speaks first may be silent.
	silence = 2 * time.Second
	// sharedTime is how often it is looked whether a shared connection is still there.
	sharedTime = 2 * time.Second
	// mostTries is how many free ports are tried: another program may take one before ssh.
	mostTries = 5
)

func newTick() *time.Ticker { return time.NewTicker(tickTime) }

// forward has ssh open the port on this machine. ssh says whether it has: the port is never
// that of another program.
func (t *tunnel) forward(ctx context.Context) (err error) {
	chosen := t.port.Local
	for range mostTries {
		if t.port.Local, err = freePort(chosen); err != nil {
			return err
		}
		if err = t.asks(ctx, "forward", t.control); err == nil || chosen != 0 || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return hint.Add("choose another port of this machine: --local PORT", err)
	}
	return nil
}

// freePort is a port of this machine that no program uses now: the chosen one, or any for 0.
func freePort(chosen int) (int, error) {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(chosen)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return 0, control.Refuse(0, "to use a free port, leave --local out; to see which program uses this one: ss -tlnp", "port %d of this machine is in use", chosen)
	case errors.Is(err, syscall.EACCES):
		return 0, control.Refuse(0, "choose a port from 1024 on", "only root may open port %d of this machine", chosen)
	case err != nil:
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// answers waits until the service at the other end answers. A connection through ssh is
// there at once, also where the other end then refuses it: only a byte proves the service,
// or silence where a service may wait for us.
func (t *tunnel) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for t.knock(ctx) != nil {
		if said := t.said.Text(); strings.Contains(said, "open failed") {
			return t.port.To.Refused(t.to, said)
		}
		select {
		case <-time.After(tickTime):
		case end := <-t.ended:
			return t.lost(end)
		case <-ctx.Done():
			return t.port.To.Refused(t.to, t.said.Text())
		}
	}
	return nil
}

// knock connects once.
func (t *tunnel) knock(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(t.port.Local)))
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	heard := &counted{Conn: conn}
	one := make([]byte, 1)
	switch scheme := t.port.To.Scheme(); {
	case t.port.Socks:
		if _, err := conn.Write([]byte{5, 1, 0}); err != nil { // RFC 1928 3: version 5, one method: none
			return err
		}
		_, err = io.ReadFull(heard, one)
	case scheme == "https":
		err = tls.Client(heard, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx) // ssh has checked the host; only a byte is wanted
	case scheme == "http":
		if _, err := io.WriteString(conn, "HEAD / HTTP/1.0\r\n\r\n"); err != nil {
			return err
		}
		_, err = io.ReadFull(heard, one)
	default:
		_ = conn.SetReadDeadline(time.Now().Add(silence))
		if _, err = io.ReadFull(heard, one); errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
	}
	if heard.bytes > 0 {
		return nil
	}
	return err
}

// counted counts the bytes that come.
type counted struct {
	net.Conn
	bytes int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes += n
	return n, err
}

// hold waits for ctrl-c, or for the end of the connection.
func (t *tunnel) hold(ctx context.Context) error {
	look := time.NewTicker(sharedTime)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return t.closed()
		case end := <-t.ended:
			_ = t.lost(end)
			if interrupted(ctx) {
				return t.closed()
			}
			return &endedError{hint.Errorf("run the command again", "%s: the connection of ssh has ended: the tunnel is closed", t.to), exitNoPBX}
		case <-look.C:
			if t.own == nil && t.asks(ctx, "check", t.control) != nil && !interrupted(ctx) {
				return &endedError{hint.Errorf("run the command again", "%s: the shared connection of ssh was closed", t.to), exitNoPBX}
			}
		}
	}
}

func (t *tunnel) closed() error {
	if !t.app.json {
		t.app.say("closed")
	}
	return nil
}
