package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"
)

// patience is how long a client waits for an answer: the daemon needs seconds to lift a
// full set of bans.
const patience = 30 * time.Second

// Client talks to a daemon. Its methods may be called from any goroutine; their
// errors carry a hint.
type Client struct {
	// SSH is the address from which the caller logged in to this machine; zero: not over SSH.
	// The daemon protects it when root calls. Set before use.
	SSH netip.Addr

	path string
	http http.Client
	// Notice is called with the notice of an answer, before the answer is read; may be nil.
	// Set before use.
	Notice func(string)
}

// NewClient makes a client for the daemon at a socket; "" is DefaultPath. Each call makes
// a new connection.
func NewClient(path string) *Client {
	if path == "" {
		path = DefaultPath
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: http.Client{
		Timeout:   patience,
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
	}}
}

// Version returns the release of the daemon.
func (c *Client) Version(ctx context.Context) (string, error) {
	v, err := Ask(ctx, c, CallVersion, None{})
	return v.Version, err
}

// Status returns the state of the daemon.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return Ask(ctx, c, CallStatus, None{})
}

// Bans returns the live bans, oldest first.
func (c *Client) Bans(ctx context.Context) ([]Ban, error) {
	list := []Ban{}
	err := c.EachBan(ctx, BansRequest{}, func(b *Ban) error {
		list = append(list, *b)
		return nil
	})
	return list, err
}

// EachBan calls each with one live ban after another.
func (c *Client) EachBan(ctx context.Context, q BansRequest, each func(*Ban) error) error {
	return AskEach(ctx, c, CallBans, q, each)
}

// Why returns all that the daemon knows of an address.
func (c *Client) Why(ctx context.Context, addr netip.Addr) (Why, error) {
	return Ask(ctx, c, CallWhy, WhyRequest{addr})
}

// Ban bans by hand and returns the ban.
func (c *Client) Ban(ctx context.Context, req BanRequest) (Ban, error) {
	return Ask(ctx, c, CallBan, req)
}

// Unban lifts the bans of a prefix and of what is in it; false means that there was none.
func (c *Client) Unban(ctx context.Context, p netip.Prefix) (bool, error) {
	a, err := Ask(ctx, c, CallUnban, UnbanRequest{Prefix: p})
	return a.Lifted > 0, err
}

// UnbanAll lifts every ban and says how many there were.
func (c *Client) UnbanAll(ctx context.Context) (int, error) {
	a, err := Ask(ctx, c, CallUnban, UnbanRequest{All: true})
	return a.Lifted, err
}

// Reload makes the daemon read its files again.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	return Ask(ctx, c, CallReload, None{})
}

// call sends one request and reads its answer into a T.
func call[T any](ctx context.Context, c *Client, method, verb string, body any) (v T, err error) {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return v, err
		}
	}
	resp, err := c.send(ctx, &c.http, method, verb, &payload)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return v, Refuse(0, mayHaveStopped, "the answer of the daemon at %s is not complete: %w", c.path, err)
	}
	return v, nil
}

// send sends one request. It returns the answer if it has our version and is not a refusal.
func (c *Client) send(ctx context.Context, by *http.Client, method, verb string, body io.Reader) (*http.Response, error) {
	// HTTP needs a host name; the address is the socket.
	req, err := http.NewRequestWithContext(ctx, method, "http://pbxjail/v"+Major+"/"+verb, body)
	if err != nil {
		return nil, err
	}
	if c.SSH.IsValid() {
		req.Header.Set(sshHeader, c.SSH.String())
	}
	resp, err := by.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if got := resp.Header.Get(header); got != Major {
		resp.Body.Close()
		return nil, c.stranger(got)
	}
	if text := resp.Header.Get(noticeHeader); text != "" && c.Notice != nil {
		c.Notice(text)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		a := errorAnswer{Error: "the daemon answered " + resp.Status, Hint: "to see what went wrong: journalctl -u pbxjail; then give the command again"}
		json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&a) // if this fails, the status is the message
		return nil, Refuse(resp.StatusCode, a.Hint, "%s", a.Error)
	}
	return resp, nil
}

// stranger explains an answer that is not of our version.
func (c *Client) stranger(major string) error {
	if major == "" {
		return Refuse(0, "to see which program it is: ss -xlp; "+nameIt, "the program that answers at %s is not pbxjail", c.path)
	}
	return Refuse(0, sameRelease, "the daemon at %s uses version %s of the API, not %s", c.path, major, Major)
}

const (
	nameIt         = "give the path of the daemon's socket: --socket PATH; that path is in the main file, key socket"
	mayHaveStopped = "the daemon may have stopped: systemctl status pbxjail; then try again"
)

// unreachable returns an error that explains why there was no answer.
func (c *Client) unreachable(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the URL, which only HTTP needs
	}
	call, _ := errors.AsType[*net.OpError](err)
	info, _ := os.Stat(c.path)
	switch {
	case info != nil && info.Mode().Type() != fs.ModeSocket:
		return Refuse(0, nameIt, "%s is not a socket", c.path)
	case errors.Is(err, fs.ErrPermission):
		return Refuse(0, "run it as root (sudo), or as a member of the socket's group (pbxjail)", "no permission to use %s", c.path)
	case errors.Is(err, context.DeadlineExceeded):
		return Refuse(0, "to see its log: journalctl -u pbxjail; to restart it: systemctl restart pbxjail", "the daemon at %s did not answer in time", c.path)
	case call != nil && call.Op == "dial":
		return Refuse(0, "start it with systemctl start pbxjail, or run pbxjail as root; if the daemon has another socket: --socket PATH",
			"no daemon answers at %s", c.path)
	}
	return Refuse(0, "to see why: journalctl -u pbxjail; then try again", "the daemon at %s closed the connection: %w", c.path, err)
}
