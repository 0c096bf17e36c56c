package control

import (
	"context"
	"fmt"
	"net"
	"os/user"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// peer is the process at the other end of a connection, as the kernel saw it when the
// connection was made: SO_PEERCRED of unix(7).
type peer struct{ uid, pid int }

// String is how the log of a change names the peer.
func (p peer) String() string {
	if name := p.name(); name != "" {
		return fmt.Sprintf("uid %d (%s)", p.uid, name)
	}
	return fmt.Sprintf("uid %d", p.uid)
}

// name is the user's name; "" when there is none.
func (p peer) name() string {
	u, err := user.LookupId(strconv.Itoa(p.uid))
	if err != nil {
		return ""
	}
	return u.Username
}

type peerKey struct{}

// askKernel is an http.Server.ConnContext. A connection without a known peer may read, but
// change nothing.
func askKernel(ctx context.Context, c net.Conn) context.Context {
	g, ok := c.(*guest)
	if !ok {
		return ctx
	}
	raw, err := g.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *unix.Ucred
	if err := raw.Control(func(fd uintptr) {
		cred, _ = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || cred == nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, peer{int(cred.Uid), int(cred.Pid)})
}

// gate is a listener that accepts at most cap(slots) connections at a time, and closes the
// others.
type gate struct {
	*net.UnixListener
	slots chan struct{}
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.AcceptUnix()
		if err != nil {
			return nil, err
		}
		select {
		case g.slots <- struct{}{}:
			return &guest{c, sync.OnceFunc(func() { <-g.slots })}, nil
		default:
			c.Close()
		}
	}
}

// guest is a connection that holds a slot until it is closed.
type guest struct {
	*net.UnixConn
	leave func()
}

func (g *guest) Close() error {
	g.leave() // first: a caller may connect again as soon as the connection is closed
	return g.UnixConn.Close()
}
