package feeds

import (
	"context"
	"errors"
	"net/http"
	"testing"
)

// No server may send us to this machine or into a private network, by number or by name.
func TestRedirectInside(t *testing.T) {
	request := func(url string) *http.Request {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, c := range []struct {
		from, to string
		refused  bool
	}{
		{"https://lists.example.net/a", "https://other.example.net/b", false},
		{"https://lists.example.net/a", "https://192.0.2.1/b", false},
		{"https://lists.example.net/a", "https://127.0.0.1/b", true},
		{"https://lists.example.net/a", "https://localhost./b", true},
		{"https://lists.example.net/a", "https://10.0.0.1:8080/b", true},
		{"https://lists.example.net/a", "https://169.254.169.254/latest", true},
		{"https://lists.example.net/a", "https://[::1]/b", true},
		{"https://lists.example.net/a", "https://[fd00::1]/b", true},
		{"https://lists.example.net/a", "https://0.0.0.0/b", true},
		{"https://lists.example.net/a", "https://100.64.0.1/b", true},        // of the provider
		{"https://lists.example.net/a", "https://[64:ff9b::7f00:1]/b", true}, // 127.0.0.1 behind a NAT64
		{"https://lists.example.net/a", "https://[fe80::1%25eth0]/b", true},
		{"https://lists.example.net/a", "https://[::ffff:127.0.0.1]/b", true},
		{"http://10.0.0.1/a", "http://10.0.0.2/b", false}, // a mirror of the operator's
	} {
		err := checkRedirect(request(c.to), []*http.Request{request(c.from)})
		if errors.Is(err, errInside) != c.refused || !c.refused && err != nil {
			t.Errorf("%s to %s: got %v, want it refused %t", c.from, c.to, err, c.refused)
		}
	}
	to := request("https://other.example.net/b")
	if err := checkRedirect(to, []*http.Request{request("https://lists.example.net/a")}); err != nil {
		t.Fatal(err)
	}
	if err := checkDial(to.Context(), "tcp", "127.0.0.1:443", nil); !errors.Is(err, errInside) {
		t.Errorf("a name that leads to this machine: got %v", err)
	}
	if err := checkDial(context.Background(), "tcp", "127.0.0.1:443", nil); err != nil {
		t.Errorf("an address that the operator named: got %v", err)
	}
}
