package metrics

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// busy are figures with a value in each family.
func busy() Figures {
	at := time.Unix(1764250000, 0)
	return Figures{
		Version: "1.2.3", Enforcing: true, Off: true, Problems: 2, Alarms: 1,
		Logs: []Log{
			{Name: "/var/log/asterisk/full", OK: true, Lines: 10, Records: 8, Counted: 3, Doubtful: 1, Unread: 2, Behind: 7, Missed: 1, LastRecord: at},
			{Name: "/var/log/asterisk/sec\"urity\n\xff"},
		},
		Jails: []Jail{{"guessing", 5, 2}, {"silent", 0, 0}}, Bans: []Named{{"guessing", 3}, {"manual", 1}}, Active: []Named{{"guessing", 2}},
		Events:   []Event{{"bad-password", "security", 4}, {"bad-password", "wire", 5}},
		Doubtful: 6, Suspects: 7, Forged: 8, Protected: 9, Unbans: 10, Evicted: 11, Displaced: 12, Pending: 13, Unwritten: 14,
		Latency: Latency{Bounds: []time.Duration{time.Millisecond, time.Second}, Buckets: []uint64{3, 1, 1}, Sum: 2500 * time.Millisecond},
		Drops:   &Drops{15, 1500}, Fixes: []Named{{"iptables", 2}, {"unknown", 1}}, PutBack: 16, Adopted: 17, Expelled: 18,
		Queues: []Queue{{"log", 1, 2}}, Channels: []Channel{{Name: "admins", Waiting: 1, Sent: 2, Dropped: 3, Failures: 4}}, LogLost: 19,
		Wire: &Wire{true, 20, 21, 22, 23, 24},
	}
}

func gather(t *testing.T, f Figures) []*dto.MetricFamily {
	t.Helper()
	c, r := newCollector(), prometheus.NewPedanticRegistry()
	if err := r.Register(c); err != nil {
		t.Fatal(err)
	}
	c.set(f)
	list, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// series counts what a Prometheus server would store.
func series(list []*dto.MetricFamily) (n int) {
	for _, f := range list {
		for _, m := range f.Metric {
			if h := m.Histogram; h != nil {
				n += len(h.Bucket) + 3 // le="+Inf", sum and count
			} else {
				n++
			}
		}
	}
	return n
}

func text(t *testing.T, f Figures) string {
	t.Helper()
	r := prometheus.NewRegistry()
	c := newCollector()
	c.set(f)
	if err := r.Register(c); err != nil {
		t.Fatal(err)
	}
	body, err := encode(r, expfmt.NewFormat(expfmt.TypeTextPlain))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestEachFamilyHasAValue(t *testing.T) {
	got := map[string]bool{}
	for _, f := range gather(t, busy()) {
		got[f.GetName()] = true
	}
	for _, f := range families {
		if !got["pbxjail_"+f.name] {
			t.Errorf("family %s has no series", f.name)
		}
	}
	if len(got) != len(families)+1 {
		t.Errorf("got %d families, want %d and the histogram", len(got), len(families))
	}
}

func TestValues(t *testing.T) {
	body := text(t, busy())
	for _, line := range []string{
		`pbxjail_log_events_total{log="/var/log/asterisk/full",state="counted"} 3`,
		`pbxjail_log_events_total{log="/var/log/asterisk/full",state="doubtful"} 1`,
		`pbxjail_log_last_record_timestamp_seconds{log="/var/log/asterisk/full"} 1.76425e+09`,
		`pbxjail_log_ok{log="/var/log/asterisk/sec\"urity\n?"} 0`,
		`pbxjail_events_total{kind="bad-password",witness="wire"} 5`,
		`pbxjail_bans_total{jail="guessing"} 3`,
		`pbxjail_bans_total{jail="silent"} 0`,
		`pbxjail_bans_total{jail="manual"} 1`,
		`pbxjail_active_bans{jail="guessing"} 2`,
		`pbxjail_ban_latency_seconds_bucket{le="0.001"} 3`,
		`pbxjail_ban_latency_seconds_bucket{le="1"} 4`,
		`pbxjail_ban_latency_seconds_bucket{le="+Inf"} 5`,
		`pbxjail_ban_latency_seconds_sum 2.5`,
		`pbxjail_dropped_bytes_total 1500`,
		`pbxjail_firewall_repairs_total{by="iptables"} 2`,
		`pbxjail_firewall_corrections_total{what="adopted"} 17`,
		`pbxjail_decisions_dropped_total{to="log"} 2`,
		`pbxjail_notify_failures{channel="admins"} 4`,
		`pbxjail_wire_skipped_packets_total 24`,
		`pbxjail_off 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("got no %s in\n%s", line, body)
		}
	}
	if strings.Contains(body, `pbxjail_log_last_record_timestamp_seconds{log="/var/log/asterisk/sec`) {
		t.Error("got a time of a record that never came")
	}
}

// Without firewall, wire and logs, what cannot be known is missing, and not 0.
func TestNothingIsInvented(t *testing.T) {
	body := text(t, Figures{})
	for _, name := range []string{"dropped_packets_total", "wire_packets_total", "log_ok", "ban_latency_seconds"} {
		if strings.Contains(body, "pbxjail_"+name) {
			t.Errorf("got %s where there is none", name)
		}
	}
}

// crowded are figures with many more names than there are labels. round makes other ones.
func crowded(round int) Figures {
	f := busy()
	f.Events = nil
	for kind := range 14 {
		for witness := range 5 {
			f.Events = append(f.Events, Event{fmt.Sprint("kind", kind), fmt.Sprint("witness", witness), 1})
		}
	}
	f.Logs, f.Jails, f.Channels = nil, nil, nil
	for i := range 1000 {
		name := fmt.Sprintf("%d-%d", round, i)
		f.Logs = append(f.Logs, Log{Name: name, OK: true, Lines: 1, LastRecord: time.Unix(int64(1000+i), 0)})
		f.Jails = append(f.Jails, Jail{Name: name, Events: 1})
		f.Bans, f.Active = append(f.Bans, Named{name, 1}), append(f.Active, Named{name, 1})
		f.Fixes, f.Channels = append(f.Fixes, Named{name, 1}), append(f.Channels, Channel{Name: name})
	}
	f.Latency.Bounds, f.Latency.Buckets = make([]time.Duration, 8), make([]uint64, 9)
	for i := range f.Latency.Bounds {
		f.Latency.Bounds[i] = time.Duration(i+1) * time.Millisecond
	}
	return f
}

// maxSeries is how many series one daemon may have, those of Go and of the process included.
const maxSeries = 1000

func TestSeriesAreBounded(t *testing.T) {
	c, r := newCollector(), prometheus.NewPedanticRegistry()
	if err := r.Register(c); err != nil {
		t.Fatal(err)
	}
	first := 0
	for round := range 5 {
		c.set(crowded(round))
		list, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		n := series(list)
		if n > maxSeries-60 { // those of Go and of the process
			t.Fatalf("round %d: got %d series, want at most %d", round, n, maxSeries-60)
		}
		if first == 0 {
			first = n
		} else if n > first {
			t.Errorf("round %d: got %d series, %d before: labels are given out without end", round, n, first)
		}
	}
}

// What has no label of its own is summed up, and the first names keep theirs.
func TestOthers(t *testing.T) {
	f := crowded(0)
	f.Logs[999].OK = false
	body := text(t, f)
	for _, line := range []string{
		fmt.Sprintf(`pbxjail_log_lines_total{log="others"} %d`, 1000-maxLogs),
		`pbxjail_log_lines_total{log="0-0"} 1`,
		`pbxjail_log_ok{log="others"} 0`,
		fmt.Sprintf(`pbxjail_log_last_record_timestamp_seconds{log="others"} %d`, 1000+maxLogs),
		fmt.Sprintf(`pbxjail_bans_total{jail="others"} %d`, 1000-maxJails+4),
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("got no %s in\n%s", line, body)
		}
	}
}

// What promtool check metrics asks of names, and what its text asks of help.
func TestNames(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)
	for _, f := range families {
		total := strings.HasSuffix(f.name, "_total")
		if !form.MatchString("pbxjail_"+f.name) || total != (f.kind == counter) || !strings.HasSuffix(f.help, ".") {
			t.Errorf("%s: %v, %q", f.name, f.kind, f.help)
		}
	}
}
