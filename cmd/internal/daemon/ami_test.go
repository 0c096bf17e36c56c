package daemon

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/home"
	"pbxjail/parsers"
	"pbxjail/parsers/manager"
	"pbxjail/watcher/ami"
)

// Events that are not guarded may be forged as a whole: they count no call and charge no address.
func TestUnguardedEvents(t *testing.T) {
	s := newAMISource(configs.AMI{}, slog.New(slog.DiscardHandler))
	called := 0
	var heard []parsers.Result
	s.calls = func(*manager.Call, time.Time) { called++ }
	s.hear = func(e *parsers.Event, _ time.Time) { heard = append(heard, e.Result) }
	call := []byte("Event: Hangup\r\nChannel: PJSIP/201-1\r\nUniqueid: 1.0\r\n")
	fail := []byte(strings.Join([]string{"Event: InvalidPassword", "EventTV: 1", "Severity: Error", "Service: PJSIP", "EventVersion: 1", "AccountID: 1", "SessionID: 1",
		"LocalAddress: IPV4/UDP/192.0.2.1/5060", "RemoteAddress: IPV4/UDP/203.0.113.9/5060"}, "\r\n") + "\r\n")
	for _, guarded := range []bool{false, true} {
		s.event(call, guarded)
		s.event(fail, guarded)
	}
	if called != 1 || len(heard) != 2 || heard[0] != parsers.Ambiguous || heard[1] != parsers.Offence {
		t.Errorf("got %d calls and %v, want only what is guarded", called, heard)
	}
}

// serveAMI answers each action of a connection, and refuses those that refuse names.
func serveAMI(t *testing.T, refuse string) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "Asterisk Call Manager/7.0.3\r\n")
		action, id := "", ""
		for in := bufio.NewScanner(conn); in.Scan(); {
			switch key, value, _ := strings.Cut(in.Text(), ": "); key {
			case "Action":
				action = value
			case "ActionID":
				id = value
			case "":
				answer := "Success"
				if action == refuse {
					answer = "Error"
				}
				fmt.Fprintf(conn, "Response: %s\r\nActionID: %s\r\nMessage: x\r\n\r\n", answer, id)
			}
		}
	}()
	return l.Addr().String()
}

// AMI counts calls only where Asterisk has our filter.
func TestCallsNeedTheGuard(t *testing.T) {
	for _, refuse := range []string{"", "Filter"} {
		up := make(chan bool, 1)
		client := ami.New(ami.Options{Address: serveAMI(t, refuse), Secret: func() (string, error) { return "x", nil }, Connected: func() { up <- true }})
		go client.Run(t.Context())
		<-up
		o := newCallOrders(slog.New(slog.DiscardHandler))
		o.setManager(amiManager{client})
		if o.live() != (refuse == "") || client.State().Since.IsZero() {
			t.Errorf("refused %q: got live %t", refuse, o.live())
		}
	}
}

// A thief with line ends in the caller ID excuses no call, and a doubtful dial without a channel
// of its own counts for no account. Calls to a phone count for none, whatever its contact is.
func TestDoubtfulDials(t *testing.T) {
	s := newSite(t, "calls: {enabled: true, country: DE, action: [tell]}")
	d := s.open()
	s.run(d, nil)
	d.calls.setPhones([]home.Registration{{Account: "202"}, {Account: "0097259000000"}})
	dial := func(lines ...string) {
		var m manager.Message
		var c manager.Call
		m.Read([]byte("Event: DialBegin\r\n" + strings.Join(lines, "\r\n") + "\r\n"))
		m.Call(&c)
		d.calls.heardAMI(&c, time.Now())
	}
	for i := range 12 {
		number := fmt.Sprintf("00972591%05d", i)
		dial(fmt.Sprintf("Channel: PJSIP/201-%08x", i), "CallerIDNum: 1", "DestChannel: PJSIP/"+number+"-1", "Exten: "+number, "Uniqueid: 1.1", "DestChannel: PJSIP/trunk-2", "DialString: "+number+"@trunk")
		dial("DestChannel: PJSIP/trunk-2", "DestCallerIDNum: 1", fmt.Sprintf("Channel: PJSIP/203-%08x", i), "DialString: "+number+"@trunk")
		trunk := fmt.Sprintf("Channel: PJSIP/carrier-%08x", i)
		dial(trunk, "CallerIDNum: 1", "Exten: 03012345", "DestChannel: PJSIP/202-2", "DialString: 202/sip:"+number+"@203.0.113.7")
		dial(trunk, "CallerIDNum: 1", "CallerIDNum: 2", "DestChannel: PJSIP/0097259000000-2", "DialString: 0097259000000")
	}
	for account, want := range map[string]string{"201": "critical", "203": "none", "carrier": "none"} {
		if a := s.accountOf(account); a.Level != want {
			t.Errorf("account %s: got %s, want %s", account, a.Level, want)
		}
	}
}
