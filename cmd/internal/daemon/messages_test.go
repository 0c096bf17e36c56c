package daemon

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/watcher"
)

// hangs is an HTTP receiver that never answers.
func hangs(t *testing.T) (url string) {
	t.Helper()
	ended := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }))
	t.Cleanup(func() { close(ended); s.Close() })
	return s.URL
}

// TestGuessedPasswordIsAMessage: a webhook hears of it while another receiver hangs. The
// receiver that hangs keeps the daemon from nothing, also not from its end, and no output
// has its secret.
func TestGuessedPasswordIsAMessage(t *testing.T) {
	got := make(chan string, 10)
	good := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}))
	defer good.Close()
	const secret = "very-secret-part-of-the-address"
	s := newSite(t)
	s.write("hook.url", hangs(t)+"/"+secret)
	s.configure("notify: {channels: [{name: good, type: webhook, url: \"" + good.URL + "\"}, {name: slow, type: slack, url_file: " + s.path("hook.url") + "}]}")
	stop := s.run(s.open(), nil)
	s.append(refusedAs("203.0.113.91", "201", 5) + loggedIn(time.Now(), "203.0.113.91", "201", "1"))
	var m struct{ Kind, Severity, Title, Text string }
	if err := json.Unmarshal([]byte(<-got), &m); err != nil || m.Kind != "guessed" || m.Severity != "critical" || !strings.Contains(m.Title, "203.0.113.91") || !strings.Contains(m.Text, "the password of 201") {
		t.Errorf("got %v, %+v", err, m)
	}
	test := func(name string) control.NotifyTestAnswer {
		a, err := control.Ask(t.Context(), s.client(), control.CallNotifyTry, control.NotifyTestRequest{Channel: name})
		if err != nil {
			t.Error(err)
		}
		return a
	}
	if a := test("good"); len(a.Results) != 1 || a.Results[0].Problem != "" {
		t.Errorf("got %+v of a test", a)
	}
	s.write("hook.url", "http://127.0.0.1:1/"+secret) // now it is down
	bad := test("slow")
	if len(bad.Results) != 1 || bad.Results[0].Problem == "" || bad.Results[0].Hint == "" {
		t.Errorf("got %+v of a test", bad)
	}
	if _, err := control.Ask(t.Context(), s.client(), control.CallNotifyTry, control.NotifyTestRequest{Channel: "none"}); err == nil {
		t.Error("got no error of a channel that is not there")
	}
	list, err := control.Ask(t.Context(), s.client(), control.CallNotify, control.None{})
	if err != nil || len(list) != 2 || list[0].Sent == 0 || list[1].Waiting != 1 {
		t.Errorf("got %+v, %v", list, err)
	}
	st := s.status()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v %+v %+v %s", st, list, bad, s.journal); strings.Contains(text, secret) {
		t.Error("an output has the secret")
	}
	if strings.Contains(s.journal.String(), notInTime) {
		t.Errorf("a part did not end in time:\n%s", s.journal)
	}
	again := s.open() // it is in the file, and waits again
	s.run(again, nil)
	if w := again.post.Status()[1].Waiting; w != 1 {
		t.Errorf("got %d events that wait after the restart, want the alarm", w)
	}
}

// TestBanPathWithReceiversThatHang prints what a ban costs from the line to the enforcer, with
// no channel and with three that hang, by turns. The times are not judged.
func TestBanPathWithReceiversThatHang(t *testing.T) {
	const rounds, bans = 5, 1000
	jail := "logs: [%s/security]\nmatch: [{event: bad-password}]\nmaxretry: 1\n"
	url := hangs(t)
	open := func(more string) (*site, *Daemon) {
		s := newSite(t, more)
		s.write("jails/phones.yaml", fmt.Sprintf(jail, s.path("logs")))
		d := s.open()
		s.run(d, nil)
		return s, d
	}
	hook := "{name: a%d, type: webhook, url: \"" + url + "\", least: info, digest: 1s}"
	without, plain := open("")
	with, slow := open("notify: {channels: [" + fmt.Sprintf(hook+", "+hook+", "+hook, 1, 2, 3) + "]}")
	measure := func(s *site, d *Daemon, round int) time.Duration {
		var lines strings.Builder
		for i := range bans {
			lines.WriteString(failures(fmt.Sprintf("198.18.%d.%d", round*4+i/250, i%250), 1))
		}
		begin := time.Now()
		if err := d.reading.deliver(watcher.Block{File: s.path("logs/security"), Data: []byte(lines.String()), Arrived: begin}); err != nil {
			t.Error(err)
		}
		d.reading.settle(time.Time{})
		return time.Since(begin) / bans
	}
	var none, hang []time.Duration
	for i := range rounds {
		none, hang = append(none, measure(without, plain, i)), append(hang, measure(with, slow, i))
		with.eventually("all channels hang", func() bool {
			return !slices.ContainsFunc(with.status().Notify, func(c control.Channel) bool { return c.Waiting == 0 })
		})
	}
	slices.Sort(none)
	slices.Sort(hang)
	t.Logf("a ban takes %s without channels, and %s while three hang (medians of %d rounds of %d bans)", none[rounds/2], hang[rounds/2], rounds, bans)
	if n := with.status().Bans; n != rounds*bans {
		t.Errorf("got %d bans, want all %d", n, rounds*bans)
	}
}
