package parsers

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The labelled lines of testdata: id, source, line, expected, kind, note, with a
// tab between and a header. In line, \\ is a backslash, \xHH a byte, \x0a a
// newline. expected is the only address that may be charged, or "-". A note that
// begins "optional" allows a miss, "alt=ADDR" allows another address or a miss.
type row struct {
	id, source, line, want, kind, note string
}

// ownAddrs are the PBX's in the labelled lines: parsers do not know them.
var ownAddrs = []string{"10.0.0.1", "192.0.2.10"}

func loadRows(t testing.TB, name string) []row {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []row
	text := bufio.NewScanner(f)
	text.Buffer(nil, 1<<20)
	for n := 0; text.Scan(); n++ {
		cells := strings.Split(text.Text(), "\t")
		if n == 0 {
			continue
		}
		if len(cells) == 5 {
			cells = append(cells, "")
		}
		if len(cells) != 6 {
			t.Fatalf("%s:%d: got %d cells, want 6", name, n+1, len(cells))
		}
		rows = append(rows, row{cells[0], cells[1], unescape(cells[2]), cells[3], cells[4], cells[5]})
	}
	if err := text.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		var b byte
		switch {
		case strings.HasPrefix(s[i:], `\\`):
			i++
			out.WriteByte('\\')
		case strings.HasPrefix(s[i:], `\x`) && len(s) >= i+4:
			fmt.Sscanf(s[i+2:i+4], "%02x", &b)
			i += 3
			out.WriteByte(b)
		default:
			out.WriteByte(s[i])
		}
	}
	return out.String()
}

// readAll reads text with a fresh Parser and keeps what it emits.
func readAll(text string) []Event {
	var got []Event
	New(Clock{}).Block([]byte(text), false, time.Time{}, func(e *Event) { got = append(got, *e) })
	return got
}

// charged are the addresses that text lets a jail count against.
func charged(text string) []string {
	var got []string
	for _, e := range readAll(text) {
		if a := e.Addr.String(); e.Result == Offence && !slices.Contains(ownAddrs, a) && !slices.Contains(got, a) {
			got = append(got, a)
		}
	}
	return got
}

func (r row) optional() bool {
	return r.want == "-" || strings.HasPrefix(r.note, "optional") || strings.HasPrefix(r.note, "alt=")
}

func (r row) allowed() []string {
	_, alt, _ := strings.Cut(r.note, "alt=")
	alt, _, _ = strings.Cut(alt, " ")
	return []string{r.want, alt}
}

func TestCases(t *testing.T) {
	for _, name := range []string{"positives.tsv", "negatives.tsv", "adversarial.tsv"} {
		t.Run(name, func(t *testing.T) {
			required, missed := 0, 0
			for _, r := range loadRows(t, name) {
				got := charged(r.line)
				for _, a := range got {
					if !slices.Contains(r.allowed(), a) {
						t.Errorf("%s: got %s charged, want %s (%s)\n%.300q", r.id, a, r.want, r.note, r.line)
					}
				}
				if !r.optional() {
					required++
					if !slices.Contains(got, r.want) {
						t.Errorf("%s: got no address charged, want %s (%s)\n%.300q", r.id, r.want, r.note, r.line)
					}
				} else if r.want != "-" && len(got) == 0 {
					missed++
				}
				checkEvents(t, r)
			}
			t.Logf("%d rows must be charged; of those that may, %d are not", required, missed)
		})
	}
}

// checkEvents holds what is true of every event.
func checkEvents(t *testing.T, r row) {
	for _, e := range readAll(r.line) {
		if r.kind == "claimed" && e.Evidence > Claimed {
			t.Errorf("%s: got evidence %v, want claimed", r.id, e.Evidence)
		}
		if word := strings.ReplaceAll(r.kind, "_", "-"); e.Result == Offence && slices.Contains(kindWords[1:], word) && e.Addr.String() == r.want && e.Kind.String() != word {
			t.Errorf("%s: got kind %v, want %s", r.id, e.Kind, word)
		}
		if (r.kind == "success" || r.kind == "challenge") && e.Result != Signal {
			t.Errorf("%s: got %v, want a signal", r.id, e.Result)
		}
		if e.Result == Ambiguous && e.Doubt == "" {
			t.Errorf("%s: ambiguous, and no reason why", r.id)
		}
		if e.Result == Offence && (e.Kind == KindNone || e.Service == NoService || e.Evidence == NoEvidence || e.Points <= 0 || e.Rule == "") {
			t.Errorf("%s: an offence without its kind, service, evidence, points or rule: %+v", r.id, e)
		}
	}
}

// TestLimits holds what one log alone cannot settle (doc.go): the address in
// these rows is forged, and is charged. A row that fails here is good news.
func TestLimits(t *testing.T) {
	for _, r := range loadRows(t, "limits.tsv") {
		if got := charged(r.line); !slices.Contains(got, r.want) {
			t.Errorf("%s: got %v, want the forged %s still charged: take the row into adversarial.tsv (%s)", r.id, got, r.want, r.note)
		}
	}
}

// TestEvidence: how far the address is to be trusted, by transport and channel.
func TestEvidence(t *testing.T) {
	head := "[2024-03-05 06:07:08] "
	for _, c := range []struct {
		line string
		want Evidence
	}{
		{securityLine("InvalidAccountID", "PJSIP", "UDP", ""), Seen},
		{securityLine("InvalidAccountID", "PJSIP", "TCP", ""), Proven},
		{securityLine("InvalidAccountID", "PJSIP", "TLS", ""), Proven},
		{securityLine("InvalidAccountID", "PJSIP", "WSS", ""), Proven},
		{securityLine("InvalidAccountID", "SIP", "UDP", ""), Claimed},
		{securityLine("InvalidPassword", "SIP", "UDP", `,Challenge="1",ReceivedChallenge="1",ReceivedHash="2"`), Claimed},
		{securityLine("InvalidPassword", "AMI", "TCP", ""), Proven},
		{head + "NOTICE[1] manager.c: 203.0.113.5 failed to authenticate as 'x'", Proven},
		{head + "NOTICE[1] chan_iax2.c: Host 203.0.113.5 failed to authenticate as x", Proven},
		{head + "NOTICE[1] chan_iax2.c: Empty registration from 203.0.113.5", Seen},
		{head + "NOTICE[1] res_pjsip_session.c: a: Call (TLS:203.0.113.5:1) to extension '1' rejected because extension not found in context 'x'.", Proven},
		{head + "NOTICE[1] res_pjsip_session.c: a: Call (UDP:203.0.113.5:1) to extension '1' rejected because extension not found in context 'x'.", Seen},
		{head + "WARNING[1] res_pjsip_acl.c: Incoming SIP message from 203.0.113.5:5060 did not pass ACL test", Claimed},
		{head + "SECURITY[] Unknown Call from  to 1 IPdetails sip:1@203.0.113.5:1", Claimed},
	} {
		got := readAll(c.line)
		if len(got) != 1 || got[0].Evidence != c.want || got[0].Addr != netip.MustParseAddr("203.0.113.5") {
			t.Errorf("got %+v, want one event of 203.0.113.5 with evidence %v\n%s", got, c.want, c.line)
		}
	}
}

// securityLine is a security event of 203.0.113.5 with a given tail.
func securityLine(name, service, transport, tail string) string {
	session, version := "a1b2c3d4@198.51.100.77", "1"
	if service != "PJSIP" {
		session = "0x7fb580001518"
	}
	return fmt.Sprintf(`[2024-03-05 06:07:08] SECURITY[1638] res_security_log.c: SecurityEvent="%s",EventTV="2024-03-05T06:07:08.123+0000",Severity="Error",Service="%s",EventVersion="%s",AccountID="1001",SessionID="%s",LocalAddress="IPV4/%s/10.0.0.1/5060",RemoteAddress="IPV4/%s/203.0.113.5/5071"%s`,
		name, service, version, session, transport, transport, tail)
}
