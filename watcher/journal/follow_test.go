package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/configs/hint"
)

// fake is a journalctl: it writes its text, and then runs on, or ends.
type fake struct {
	io.Reader
	ctx   context.Context // nil: it ends behind its text
	said  string
	end   error
	ended *int
}

func (f *fake) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if n == 0 && f.ctx != nil {
		<-f.ctx.Done()
	}
	return n, err
}

func (f *fake) Said() string { return f.said }
func (f *fake) Close() error { *f.ended++; return f.end }

// at is an entry that journald received at a time.
func at(when time.Time, cursor, text string) string {
	return fmt.Sprintf(`{"__CURSOR":"%s","__REALTIME_TIMESTAMP":"%d","_COMM":"door","MESSAGE":"%s"}`+"\n", cursor, when.UnixMicro(), text)
}

// scene runs a Journal with one fake after another until the last one blocks.
type scene struct {
	calls   [][]string
	ended   int
	blocks  []string
	notices []string
}

func (s *scene) run(t *testing.T, o Options, fakes ...*fake) *Journal {
	t.Helper()
	o.Start = func(ctx context.Context, args ...string) (Process, error) {
		s.calls = append(s.calls, args)
		n := len(s.calls) - 1
		if n >= len(fakes) {
			return &fake{Reader: strings.NewReader(""), ctx: ctx, ended: &s.ended}, nil
		}
		f := fakes[n]
		if f == nil {
			return nil, hint.New("install it", "no journalctl")
		}
		f.ended = &s.ended
		return f, nil
	}
	o.Notify = func(problem error) { s.notices = append(s.notices, fmt.Sprint(problem)) }
	j := New(o)
	go func() {
		if err := j.Run(t.Context(), func(b Block) error {
			s.blocks = append(s.blocks, fmt.Sprintf("%s|%v|%v|%s", b.Data, b.Old, b.Cut, b.Cursor))
			return nil
		}); err != nil {
			t.Error(err)
		}
	}()
	return j
}

func ends(s string) *fake {
	return &fake{Reader: strings.NewReader(s), end: errors.New("exit status 1: broken")}
}

// TestRestart: a journalctl that ends is started again behind the last entry that was read.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var s scene
		j := s.run(t, Options{Log: "journal:door", Cursor: "s=1"},
			ends(at(began.Add(-time.Minute), "s=2", "old")+at(began.Add(time.Second), "s=3", "new")+at(began.Add(time.Second), "s=4", strings.Repeat("a", MaxLine))+"no entry\n"),
			nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		day := func(d time.Duration) string { return began.Add(d).UTC().Format("2006-01-02T15:04:05.000000-07:00") }
		long := (day(time.Second) + " localhost door: " + strings.Repeat("a", MaxLine))[:MaxLine]
		want := []string{
			day(-time.Minute) + " localhost door: old\n|true|false|s=2",
			day(time.Second) + " localhost door: new\n|false|false|s=3",
			long + "\n|false|true|s=4",
		}
		if !slices.Equal(s.blocks, want) {
			t.Errorf("got  %q,\nwant %q", s.blocks, want)
		}
		var places []string
		for _, args := range s.calls {
			if args[len(args)-1] != "_SYSTEMD_UNIT=door.service" {
				t.Errorf("got the match %q", args)
			}
			places = append(places, args[len(args)-2])
		}
		if want := []string{"--after-cursor=s=1", "--after-cursor=s=4", "--after-cursor=s=4"}; !slices.Equal(places, want) {
			t.Errorf("got %q, want %q", places, want)
		}
		if s.ended != 1 || len(s.notices) != 1 || !strings.Contains(s.notices[0], "broken") {
			t.Errorf("%d ended, %q", s.ended, s.notices)
		}
		if st := j.State(time.Now()); st.Problem != nil || st.Passed != 1 {
			t.Errorf("got %+v of one that works again", st)
		}
	})
}

// TestBound: what fails at once is tried less and less often, and a cursor that may be the
// reason is given up.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var s scene
		broken := make([]*fake, 100)
		j := s.run(t, Options{Log: "journal:door.service", Cursor: "s=1"}, broken...)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(s.calls); n < 12 || n > 17 {
			t.Errorf("started %d times in 10 minutes", n)
		}
		since := fmt.Sprintf("--since=@%d.000000", began.Unix())
		if place := s.calls[3][len(s.calls[3])-2]; place != since {
			t.Errorf("got %q, want %q", place, since)
		}
		if err := j.State(time.Now()).Problem; err == nil || hint.Of(err) != "install it; or remove journal:door.service from logs in the jail files" || len(s.notices) != 1 {
			t.Errorf("got %v, said %q", err, s.notices)
		}
	})
}

// TestNotPermitted: a journalctl that runs and sees nothing is a problem.
func TestNotPermitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s scene
		j := s.run(t, Options{Log: "journal:door"}, &fake{Reader: strings.NewReader(""), ctx: t.Context(), said: "Hint: You are currently not seeing messages from other users and the system.\n"})
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := j.State(time.Now()).Problem; err == nil || !strings.Contains(hint.Of(err), "systemd-journal") {
			t.Errorf("got %v", err)
		}
	})
}

// TestDeliverEndsRun: what deliver returns ends it, and its journalctl.
func TestDeliverEndsRun(t *testing.T) {
	full, ended := errors.New("full"), 0
	j := New(Options{Log: "journal:door", Start: func(context.Context, ...string) (Process, error) {
		return &fake{Reader: strings.NewReader(at(time.Unix(1, 0), "s=2", "x")), ended: &ended}, nil
	}})
	if err := j.Run(t.Context(), func(Block) error { return full }); err != full || ended != 1 {
		t.Errorf("got %v, %d ended", err, ended)
	}
}

func TestMatch(t *testing.T) {
	for log, want := range map[string]string{
		"journal:ssh": "_SYSTEMD_UNIT=ssh.service", "journal:asterisk.service": "_SYSTEMD_UNIT=asterisk.service", "journal:system-sshd.slice": "_SYSTEMD_SLICE=system-sshd.slice",
		"journal:getty@tty1": "_SYSTEMD_UNIT=getty@tty1.service", "journal:": "", "journal:--root=x": "", "journal:a b": "", "journal:a=b": "", "journal:a\nb": "",
	} {
		if got, err := match(log); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", log, got, err, want)
		}
	}
}
