package lab

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"time"
)

// AMI logs in at the manager interface and tells whether the PBX took it.
func (n *Net) AMI(ctx context.Context, from netip.Addr, user, secret string) (bool, error) {
	said, err := n.Talk(ctx, from, AMIPort, fmt.Sprintf("Action: Login\r\nUsername: %s\r\nSecret: %s\r\n\r\n", user, secret), "\r\n\r\n")
	return bytes.Contains(said, []byte("Response: Success")), err
}

// AMIOverHTTP does so through the web server.
func (n *Net) AMIOverHTTP(ctx context.Context, from netip.Addr, user, secret string) (bool, error) {
	query := url.Values{"action": {"login"}, "username": {user}, "secret": {secret}}.Encode()
	said, err := n.Talk(ctx, from, HTTPPort, fmt.Sprintf("GET /rawman?%s HTTP/1.1\r\nHost: pbx\r\nConnection: close\r\n\r\n", query), "Response: ")
	return bytes.Contains(said, []byte("Response: Success")), err
}

// Talk sends a text over TCP and returns what came until end was in it, or for
// two seconds, or until the PBX closed. A connection that is not taken is an
// error.
func (n *Net) Talk(ctx context.Context, from netip.Addr, port uint16, text, end string) ([]byte, error) {
	conn, err := n.Dial(ctx, "tcp", from, port)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := conn.Write([]byte(text)); err != nil {
		return nil, err
	}
	var said []byte
	for chunk := make([]byte, 4096); !bytes.Contains(said, []byte(end)) && len(said) < 64<<10; {
		n, err := conn.Read(chunk)
		said = append(said, chunk[:n]...)
		if err != nil {
			break
		}
	}
	return said, nil
}
