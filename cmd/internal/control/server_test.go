package control

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// serve runs a server until the test ends, and returns its socket and a stop
// that may be called earlier.
func serve(t *testing.T, b *jailer) (path string, stop func() error) {
	t.Helper()
	return serveAll(t, b.calls()...)
}

func serveAll(t *testing.T, handlers ...Handler) (path string, stop func() error) {
	t.Helper()
	path = filepath.Join(folder(t), "s")
	s := New(Options{Path: path, Handlers: handlers})
	if _, err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("got %v from Run, want nil", err)
		}
	})
	return path, stop
}

// me is this test's user, as the daemon logs it.
func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("uid %s (%s)", u.Uid, u.Username)
}

func TestServerRecordsWhoAsked(t *testing.T) {
	j := newJailer("203.0.113.7/32", "203.0.113.8/32")
	path, stop := serve(t, j)
	c, ctx := NewClient(path), t.Context()
	c.Ban(ctx, BanRequest{Prefix: netip.MustParsePrefix("203.0.113.9/32")})
	c.Unban(ctx, netip.MustParsePrefix("203.0.113.7/32"))
	c.UnbanAll(ctx)
	c.Reload(ctx)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if want := slices.Repeat([]string{me(t)}, 4); !slices.Equal(j.by, want) {
		t.Errorf("got changes by %q, want %q", j.by, want)
	}
}

func TestServerRecordsAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	const nobody = 65534
	j := newJailer()
	path, stop := serve(t, j)
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := dialAs(nobody, path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	want := "uid " + strconv.Itoa(nobody)
	if len(j.by) != 1 || !strings.HasPrefix(j.by[0], want) {
		t.Errorf("got changes by %q, want one by %s", j.by, want)
	}
}

// dialAs connects from a thread that is another user for as long as it takes.
func dialAs(uid int, path string) (net.Conn, error) {
	type result struct {
		c   net.Conn
		err error
	}
	out := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		keep := ^uintptr(0)
		unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
		unix.RawSyscall(unix.SYS_SETRESGID, keep, uintptr(uid), keep)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(uid), keep); errno != 0 {
			out <- result{nil, errno}
			return
		}
		c, err := net.Dial("unix", path)
		out <- result{c, err}
	}()
	r := <-out
	return r.c, r.err
}

func TestClientWithoutPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	path, _ := serve(t, newJailer())
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := dialAs(65534, path)
	if err == nil {
		t.Fatal("a user who is neither root nor in the group could connect")
	}
	wantRefused(t, NewClient(path).unreachable(err), "no permission")
}

// raw sends bytes as they are and returns the answer.
func raw(t *testing.T, path, request string) *http.Response {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go io.WriteString(c, request) // may block or fail: the server need not read it all
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestServerRefuses(t *testing.T) {
	path, _ := serve(t, newJailer())
	post := func(path, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	}
	for name, tt := range map[string]struct {
		request string
		status  int
		text    string
	}{
		"long body":        {post("/v1/ban", `{"jail":"`+strings.Repeat("a", maxBody)+`"}`), 400, "too large"},
		"other version":    {post("/v2/ban", "{}"), 404, "POST /v2/ban"},
		"other method":     {"DELETE /v1/bans HTTP/1.1\r\nHost: x\r\n\r\n", 404, "DELETE"},
		"no json":          {post("/v1/ban", "ban everybody"), 400, "does not understand"},
		"no body":          {post("/v1/ban", ""), 400, "does not understand"},
		"unknown field":    {post("/v1/ban", `{"prefix":"203.0.113.7/32","fro_seconds":5}`), 400, "fro_seconds"},
		"two requests":     {post("/v1/reload", `{}{}`), 400, "more text after"},
		"no prefix":        {post("/v1/ban", `{}`), 400, "not an address or a network"},
		"a name":           {post("/v1/ban", `{"prefix":"pbx.example.net/32"}`), 400, "does not understand"},
		"a zone":           {post("/v1/ban", `{"prefix":"fe80::1%eth0/128"}`), 400, "does not understand"},
		"everybody":        {post("/v1/ban", `{"prefix":"0.0.0.0/0","force":true}`), 400, "contains every address"},
		"everybody mapped": {post("/v1/ban", `{"prefix":"::ffff:0.0.0.0/90","force":true}`), 400, "not an address or a network"},
		"wide":             {post("/v1/ban", `{"prefix":"16.0.0.0/7"}`), 409, "wider than /12"},
		"wide v6":          {post("/v1/ban", `{"prefix":"2000::/3"}`), 409, "wider than /24"},
		"negative":         {post("/v1/ban", `{"prefix":"203.0.113.7/32","for_seconds":-1}`), 400, "-1"},
		"overflow":         {post("/v1/ban", `{"prefix":"203.0.113.7/32","for_seconds":9223372037}`), 400, "9223372037"},
		"unban nothing":    {post("/v1/unban", `{}`), 400, "either one prefix or all"},
		"unban both":       {post("/v1/unban", `{"all":true,"prefix":"203.0.113.7/32"}`), 400, "either one prefix or all"},
		"why nobody":       {"GET /v1/why HTTP/1.1\r\nHost: x\r\n\r\n", 400, "is not an address"},
		"why a zone":       {"GET /v1/why?addr=fe80::1%25eth0 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "is not an address"},
		"long header":      {"GET /v1/why HTTP/1.1\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", 431, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp := raw(t, path, tt.request)
			body, err := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.status || !strings.Contains(string(body), tt.text) {
				t.Errorf("got %d %s (%v), want %d with %q", resp.StatusCode, body, err, tt.status, tt.text)
			}
			if tt.text != "" && resp.Header.Get(header) != Major {
				t.Errorf("got version %q in the answer, want %q", resp.Header.Get(header), Major)
			}
		})
	}
}

func TestServerForced(t *testing.T) {
	path, _ := serve(t, newJailer())
	b, err := NewClient(path).Ban(t.Context(), BanRequest{Prefix: netip.MustParsePrefix("16.0.0.0/7"), Force: true})
	if err != nil || b.Prefix.Bits() != 7 {
		t.Errorf("got %v, %v, want the wide prefix banned by force", b.Prefix, err)
	}
}

func TestServerNeedsAPeer(t *testing.T) {
	j := newJailer()
	w := post(New(Options{Handlers: j.calls()}), context.Background(), "/v1/reload", []byte("{}"))
	if w.Code != http.StatusForbidden || len(j.by) != 0 {
		t.Errorf("got status %d and changes by %q, want 403 and none", w.Code, j.by)
	}
}

func TestServerCutsSlowClients(t *testing.T) {
	t.Parallel()
	path, _ := serve(t, newJailer())
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET /v1/status HTTP/1.1\r\nHost: ")
	// Meanwhile others are served.
	if _, err := NewClient(path).Version(t.Context()); err != nil {
		t.Errorf("got %v beside a slow client, want an answer", err)
	}
	if _, err := io.ReadAll(c); err != nil { // ends when the server hangs up
		t.Logf("hung up with %v", err)
	}
}

func TestServerBoundsConnections(t *testing.T) {
	j := newJailer()
	j.block = make(chan struct{})
	path, _ := serve(t, j)
	guests := make([]net.Conn, maxConns)
	for i := range guests {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		guests[i] = c
	}
	_, err := NewClient(path).Version(t.Context())
	wantRefused(t, err, "closed the connection")
	close(j.block)
	for _, c := range guests {
		if body, err := io.ReadAll(c); err != nil || !strings.Contains(string(body), "200 OK") {
			t.Fatalf("got %q, %v, want all of the first served", body, err)
		}
	}
	if _, err := NewClient(path).Version(t.Context()); err != nil {
		t.Errorf("got %v once they are gone, want an answer", err)
	}
}

func TestServerStops(t *testing.T) {
	for name, request := range map[string]string{
		"idle":          "",
		"half a header": "GET /v1/sta",
		"in a backend":  "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			j := newJailer()
			j.block = make(chan struct{})
			defer close(j.block)
			path, stop := serve(t, j)
			c, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			// One answer shows that the connection is the server's by now.
			io.WriteString(c, "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n")
			if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, request)
			if name == "in a backend" {
				<-j.entered
			}
			if err := stop(); err != nil {
				t.Errorf("got %v, want nil", err)
			}
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Errorf("got %v, want the socket gone", err)
			}
			listen(t, path)
		})
	}
}
