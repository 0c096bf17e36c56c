package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"pbxjail/cmd/internal/lab"
)

// inbox is a mail server and a web server in the namespace of the PBX, which note what
// arrives, and when.
type inbox struct {
	mail, web net.Listener

	mu  sync.Mutex
	got []letter // guarded by mu
}

type letter struct {
	by   string // mail or webhook
	at   time.Time
	text string
}

// openInbox starts both servers. The caller must close.
func openInbox(space *lab.Space) (b *inbox, err error) {
	b = &inbox{}
	err = space.Do(func() (err error) {
		if b.mail, err = net.Listen("tcp", "127.0.0.1:2525"); err == nil {
			b.web, err = net.Listen("tcp", "127.0.0.1:8099")
		}
		return err
	})
	if err != nil {
		b.close()
		return nil, err
	}
	go http.Serve(b.web, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		b.note("webhook", string(body))
	}))
	go func() {
		for {
			conn, err := b.mail.Accept()
			if err != nil {
				return
			}
			go b.receive(conn)
		}
	}()
	return b, nil
}

func (b *inbox) close() error {
	for _, l := range []net.Listener{b.mail, b.web} {
		if l != nil {
			l.Close()
		}
	}
	return nil
}

func (b *inbox) note(by, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, letter{by, time.Now(), text})
}

// first is the first letter after a time that names a text, of one of the servers.
func (b *inbox) first(by, text string, after time.Time) (letter, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.got {
		// A mail is quoted-printable: its lines are broken with =.
		if l.by == by && l.at.After(after) && strings.Contains(strings.ReplaceAll(l.text, "=\r\n", ""), text) {
			return l, true
		}
	}
	return letter{}, false
}

// receive takes mails of one connection (RFC 5321).
func (b *inbox) receive(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	fmt.Fprint(conn, "220 lab\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch word := strings.ToUpper(line[:min(4, len(line))]); word {
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		case "DATA":
			fmt.Fprint(conn, "354 go on\r\n")
			var text strings.Builder
			for line != ".\r\n" {
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
				text.WriteString(line)
			}
			b.note("mail", text.String())
			fmt.Fprint(conn, "250 taken\r\n")
		default:
			fmt.Fprint(conn, "250 good\r\n")
		}
	}
}
