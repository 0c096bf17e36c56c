package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestClientCalls(t *testing.T) {
	j := newJailer("203.0.113.7/32", "2001:db8::/64")
	path, _ := serve(t, j)
	c, ctx := NewClient(path), t.Context()

	if v, err := c.Version(ctx); v != "1.2.3" || err != nil {
		t.Errorf("got version %q, %v, want 1.2.3", v, err)
	}
	if s, err := c.Status(ctx); err != nil || len(s.Jails) != 1 || !s.Since.Equal(t0) {
		t.Errorf("got status %+v, %v, want one jail since %v", s, err, t0)
	}
	if bans, err := c.Bans(ctx); err != nil || len(bans) != 2 {
		t.Errorf("got bans %v, %v, want two", bans, err)
	}
	// A mapped prefix with host bits is banned as the kernel sees it.
	b, err := c.Ban(ctx, BanRequest{Prefix: netip.MustParsePrefix("::ffff:198.51.100.9/120"), Jail: "sipsec", ForSeconds: new(int64(60))})
	if err != nil || b.Prefix.String() != "198.51.100.0/24" || b.LeftSeconds != 60 || b.Until.Sub(t0).Seconds() != 60 {
		t.Errorf("got ban %+v, %v, want 198.51.100.0/24 for 60 s", b, err)
	}
	if f, err := c.Feeds(ctx); err != nil || len(f) != 1 || f[0].Name != "sip" || !f[0].Fetched.Equal(t0) || f[0].Notes == nil {
		t.Errorf("got %+v, %v", f, err)
	}
	if w, err := c.Why(ctx, netip.MustParseAddr("::ffff:198.51.100.1")); err != nil || w.Banned == nil || w.Banned.Prefix != b.Prefix {
		t.Errorf("got why %+v, %v, want the ban of %v", w, err, b.Prefix)
	}
	if top, err := c.Top(ctx, 3); err != nil || len(top.Addresses) != 3 || top.Jails == nil || !top.At.Equal(t0) {
		t.Errorf("got top %+v, %v, want three rows at %v", top, err, t0)
	}
	for _, want := range []bool{true, false} {
		if was, err := c.Unban(ctx, netip.MustParsePrefix("198.51.100.77/24")); was != want || err != nil {
			t.Errorf("got unban %v, %v, want %v", was, err, want)
		}
	}
	if n, err := c.UnbanAll(ctx); n != 2 || err != nil {
		t.Errorf("got %d lifted, %v, want 2", n, err)
	}
	if bans, err := c.Bans(ctx); err != nil || bans == nil || len(bans) != 0 {
		t.Errorf("got bans %v, %v, want an empty list", bans, err)
	}
	if r, err := c.Rules(ctx); err != nil || !r.Enabled || len(r.Rules) != 1 || r.Rules[0].About != "agent sipcli" {
		t.Errorf("got rules %+v, %v, want the one of sipcli", r, err)
	}
	if r, err := c.Reload(ctx); err != nil || r.Waiting == nil || len(r.Waiting) != 0 {
		t.Errorf("got %+v, %v, want a reload and an empty list", r, err)
	}
}

func TestClientLongList(t *testing.T) {
	const many = 20_000
	j := newJailer()
	for i := range many {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
		j.bans[p] = Ban{Prefix: p}
	}
	path, _ := serve(t, j)
	bans, err := NewClient(path).Bans(t.Context())
	if err != nil || len(bans) != many {
		t.Fatalf("got %d bans, %v, want %d", len(bans), err, many)
	}
	for _, b := range bans {
		if _, ok := j.bans[b.Prefix]; !ok {
			t.Fatalf("got %v, which was never banned", b.Prefix)
		}
	}
}

func TestClientErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		fail   error
		status int
		hint   string
	}{
		"chosen":          {Refuse(409, "use --force", "203.0.113.7 is protected"), 409, "use --force"},
		"wrapped":         {fmt.Errorf("ban: %w", Refuse(404, "see jailctl status", "no jail x")), 404, "see jailctl status"},
		"of another kind": {errDisk, 500, "free some space"},
		"plain":           {errors.New("boom"), 500, failedHint},
		"odd status":      {Refuse(200, "h", "not a good one"), 500, "h"},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJailer()
			j.fail = tt.fail
			path, _ := serve(t, j)
			c := NewClient(path)
			_, errBan := c.Ban(t.Context(), BanRequest{Prefix: netip.MustParsePrefix("203.0.113.7/32")})
			_, errUnban := c.Unban(t.Context(), netip.MustParsePrefix("203.0.113.7/32"))
			_, errAll := c.UnbanAll(t.Context())
			_, errReload := c.Reload(t.Context())
			for _, err := range []error{errBan, errUnban, errAll, errReload} {
				r, ok := errors.AsType[*Refusal](err)
				if !ok || r.Error() != tt.fail.Error() || r.Status != tt.status || r.Hint() != tt.hint {
					t.Errorf("got %#v, want %q, status %d, hint %q", err, tt.fail, tt.status, tt.hint)
				}
			}
		})
	}
}

func TestClientWithoutDaemon(t *testing.T) {
	dir := folder(t)
	dead := filepath.Join(dir, "dead")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no daemon answers at " + dir,
		dead:                       "no daemon answers at " + dir,
		file:                       "is not a socket",
	} {
		_, err := NewClient(path).Version(t.Context())
		wantRefused(t, err, want)
	}
}

// answerAll serves one fixed answer, as another program would.
func answerAll(t *testing.T, headers map[string]string, body string) *Client {
	t.Helper()
	path := filepath.Join(folder(t), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range headers {
			w.Header().Set(k, v)
		}
		io.WriteString(w, body)
	})}
	go web.Serve(l)
	t.Cleanup(func() { web.Close() })
	return NewClient(path)
}

func TestClientOfAnotherServer(t *testing.T) {
	for name, tt := range map[string]struct {
		version, body, want string
	}{
		"newer":     {"2", `{"version":"9"}`, "uses version 2 of the API, not 1"},
		"not ours":  {"", "<html>", "is not pbxjail"},
		"cut short": {"1", `[{"prefix":"203.0.113.7/32"}`, "unexpected EOF"},
		"empty":     {"1", "", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := map[string]string{}
			if tt.version != "" {
				headers[header] = tt.version
			}
			_, err := answerAll(t, headers, tt.body).Bans(t.Context())
			wantRefused(t, err, tt.want)
		})
	}
}

func TestJSONShape(t *testing.T) {
	var s Status
	s.Jails = []Jail{{}}
	s.Wire.Complete, s.AMI.Since = &t0, &t0
	w := Why{Jails: []WhyJail{{}}, Lines: []WhyLine{{}}}
	top := Top{}
	for _, v := range []any{&s, &w, &top} {
		noNil(reflect.ValueOf(v).Elem())
	}
	b := Ban{Prefix: netip.MustParsePrefix("203.0.113.7/32"), Since: t0, Until: Moment(t0)}
	for name, v := range map[string]any{"status": s, "why": w, "ban": b, "top": top} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if name != "why" && strings.Contains(string(text), "null") {
			t.Errorf("%s: got %s, want no null", name, text)
		}
		if strings.Contains(string(text), `lines":null`) || strings.ContainsFunc(keys(text), func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
			t.Errorf("%s: got %s, want empty lists and snake_case", name, text)
		}
	}
	text, _ := json.Marshal(Ban{Until: Moment(t0.Local())})
	if !strings.Contains(string(text), `"until":"2026-01-02T03:04:05Z"`) {
		t.Errorf("got %s, want until in UTC", text)
	}
	text, _ = json.Marshal(Ban{})
	if !strings.Contains(string(text), `"until":null`) {
		t.Errorf("got %s, want until null for a ban without end", text)
	}
}

// keys matches the text before a colon.
func keys(text []byte) string {
	var out strings.Builder
	for _, part := range strings.Split(string(text), `":`) {
		out.WriteString(part[strings.LastIndex(part, `"`)+1:])
	}
	return out.String()
}
