package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
)

// refusedAs are notices of so many failures of one account.
func refusedAs(addr, account string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[%s] NOTICE[4711] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:%s@192.0.2.10>' failed for '%s:5060' (callid: %d) - Failed to authenticate\n",
			time.Now().Format(time.DateTime), account, addr, i)
	}
	return b.String()
}

// An alarm about a password is a problem until it is acknowledged, also after a restart.
func TestAlarmsStayUntilSeen(t *testing.T) {
	s := newSite(t)
	stop := s.run(s.open(), nil)
	thief, ctx := netip.MustParseAddr("203.0.113.91"), t.Context()
	s.append(refusedAs(thief.String(), "201", 5) + loggedIn(time.Now(), thief.String(), "201", "1") + loggedIn(time.Now(), "203.0.113.50", "101", "1"))
	s.eventually("the alarm", func() bool { return s.problem("someone may have guessed the password of 201") })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s.run(s.open(), nil)
	st := s.status()
	if len(st.Alarms) != 1 || st.Alarms[0].Account != "201" || st.Alarms[0].Addr != thief || st.Alarms[0].Failures != 5 {
		t.Errorf("after a restart: got %+v", st.Alarms)
	}
	why, err := s.client().Why(ctx, thief)
	if err != nil || len(why.Alarms) != 1 || why.LoggedIn != "" {
		t.Errorf("got %+v, %v, want the alarm and no account at home", why, err)
	}
	why, err = s.client().Why(ctx, netip.MustParseAddr("203.0.113.50"))
	if err != nil || !strings.HasPrefix(why.LoggedIn, "account 101 logged in with a password") {
		t.Errorf("got %q, %v, want it at home after a restart", why.LoggedIn, err)
	}
	for _, c := range []struct {
		ask  control.AckRequest
		want int
	}{
		{control.AckRequest{Account: "101"}, 0}, {control.AckRequest{Addr: netip.MustParseAddr("203.0.113.92")}, 0},
		{control.AckRequest{Addr: thief}, 1}, {control.AckRequest{}, 0},
	} {
		done, err := control.Ask(ctx, s.client(), control.CallAck, c.ask)
		if err != nil || len(done.Acked) != c.want {
			t.Errorf("ack %+v: got %+v, %v, want %d", c.ask, done, err, c.want)
		}
	}
	if s.problem("may have guessed") {
		t.Error("it is still a problem")
	}
}

// A bad deployment at many sites is the first problem of all.
func TestBreakerIsAProblem(t *testing.T) {
	s := newSite(t)
	s.run(s.open(), nil)
	var in, out strings.Builder
	for i := range 8 {
		addr, account := fmt.Sprint("198.51.100.", i+1), fmt.Sprint(101+i)
		in.WriteString(loggedIn(time.Now(), addr, account, "1"))
	}
	s.append(in.String())
	s.eventually("the homes", func() bool {
		why, err := s.client().Why(t.Context(), netip.MustParseAddr("198.51.100.8"))
		return err == nil && why.LoggedIn != ""
	})
	s.eventually("the breaker", func() bool {
		out.Reset()
		for i := range 8 {
			out.WriteString(refused(time.Now(), fmt.Sprint("198.51.100.", i+1), fmt.Sprint(101+i)))
		}
		s.append(out.String())
		return s.problem("of 8 addresses of known phones at the same time")
	})
	if st := s.status(); !strings.HasPrefix(st.Problems[0].What, "log-ins fail ") || st.Problems[0].Hint == "" {
		t.Errorf("got %+v first, want the breaker", st.Problems[0])
	}
}
