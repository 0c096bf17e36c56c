package boards

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"pbxjail/cmd/internal/metrics"
)

// exposition is what a daemon serves that has a value for every metric.
func exposition(t *testing.T) string {
	t.Helper()
	s := metrics.New(metrics.Options{Log: slog.New(slog.DiscardHandler), Figures: func(now time.Time) metrics.Figures {
		return metrics.Figures{
			Version: "1", Logs: []metrics.Log{{Name: "/var/log/asterisk/full", OK: true, LastRecord: now}}, Jails: []metrics.Jail{{Name: "guessing"}},
			Events: []metrics.Event{{Kind: "bad-password", Witness: "security"}}, Latency: metrics.Latency{Bounds: []time.Duration{time.Second}, Buckets: []uint64{1, 0}},
			Drops: &metrics.Drops{}, Fixes: []metrics.Named{{Name: "iptables"}}, Queues: []metrics.Queue{{To: "log"}}, Channels: []metrics.Channel{{Name: "admins"}}, Wire: &metrics.Wire{},
		}
	}})
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil)); w.Code != 200 {
		t.Fatal(w.Body)
	}
	return w.Body.String()
}

// labelsOf are the labels of each metric, with those that Prometheus adds.
func labelsOf(t *testing.T) map[string][]string {
	t.Helper()
	known := map[string][]string{"up": {"instance", "job"}}
	for line := range strings.Lines(exposition(t)) {
		m := regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? `).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		labels := []string{"instance", "job"}
		for _, l := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(m[2], -1) {
			labels = append(labels, l[1])
		}
		known[m[1]] = labels
	}
	if len(known) < 50 {
		t.Fatalf("got %d metrics: the exposition is not read", len(known))
	}
	return known
}

// panel is what the tests need of a panel.
type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ Type, UID string }
	Targets     []struct {
		RefID, Expr, LegendFormat string
		Datasource                struct{ UID string }
	}
}

func dashboard(t *testing.T) (panels []panel) {
	t.Helper()
	var d struct {
		Title, UID    string
		SchemaVersion int
		Panels        []panel
		Templating    struct{ List []struct{ Name, Type string } }
	}
	if err := json.Unmarshal(Dashboard, &d); err != nil {
		t.Fatal(err)
	}
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 36 || len(d.Panels) < 10 || len(d.Templating.List) != 2 {
		t.Fatalf("got %+v", d)
	}
	return d.Panels
}

// variables are those of the dashboard, with a value that a server could get.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*")

type rule struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) (list []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(Rules, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		list = append(list, g.Rules...)
	}
	if len(list) < 10 {
		t.Fatalf("got %d rules", len(list))
	}
	return list
}

// expressions are those of the dashboard and of the rules, by where they are.
func expressions(t *testing.T) map[string]string {
	list := map[string]string{}
	for _, p := range dashboard(t) {
		for _, target := range p.Targets {
			list[fmt.Sprintf("panel %q, %s", p.Title, target.RefID)] = variables.Replace(target.Expr)
		}
	}
	for _, r := range rules(t) {
		list["rule "+r.Alert] = r.Expr
	}
	return list
}

var (
	metricName = regexp.MustCompile(`\b(?:pbxjail|process|go)_[a-z_]+|\bup\b`)
	matchers   = regexp.MustCompile(`([a-z_]+)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	grouping   = regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)
)

// Each expression names metrics and labels that the daemon serves.
func TestExpressionsNameWhatExists(t *testing.T) {
	known := labelsOf(t)
	used := map[string]bool{}
	for where, expr := range expressions(t) {
		var labels []string
		for _, name := range metricName.FindAllString(expr, -1) {
			used[name] = true
			if known[name] == nil {
				t.Errorf("%s: there is no metric %s", where, name)
			}
			labels = append(labels, known[name]...)
		}
		if len(labels) == 0 {
			t.Errorf("%s: %q has no metric", where, expr)
		}
		for _, m := range matchers.FindAllStringSubmatch(expr, -1) {
			for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(known[m[1]], l[1]) {
					t.Errorf("%s: %s has no label %s, it has %v", where, m[1], l[1], known[m[1]])
				}
			}
		}
		for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
			for l := range strings.SplitSeq(m[1], ",") {
				if l = strings.TrimSpace(l); !slices.Contains(labels, l) {
					t.Errorf("%s: no metric of it has the label %s", where, l)
				}
			}
		}
	}
	if len(used) < 30 {
		t.Errorf("got %d metrics used: the expressions are not read", len(used))
	}
}

// The panels fill the grid of 24 columns, none over another.
func TestDashboard(t *testing.T) {
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range dashboard(t) {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("%s: its id %d is not its own", p.Title, p.ID)
		}
		ids[p.ID] = true
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("%s: it is at %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s is over %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || !strings.HasSuffix(p.Description, ".") || p.Datasource.UID != "${datasource}" {
			t.Errorf("%s: got %+v", p.Title, p)
		}
		for i, target := range p.Targets {
			if target.RefID != string(rune('A'+i)) || target.Datasource.UID != "${datasource}" || target.LegendFormat == "" {
				t.Errorf("%s: got target %+v", p.Title, target)
			}
		}
	}
}

func TestRules(t *testing.T) {
	for _, r := range rules(t) {
		if !strings.HasPrefix(r.Alert, "Pbxjail") || r.Annotations["summary"] == "" || !strings.HasSuffix(r.Annotations["description"], ".") || !slices.Contains([]string{"critical", "warning"}, r.Labels["severity"]) {
			t.Errorf("got %+v", r)
		}
	}
	text, err := os.ReadFile("pbxjail.rules_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules(t) { // one that fires
		if !strings.Contains(string(text), "alertname: "+r.Alert+"\n        exp_alerts:\n          - exp_labels:") {
			t.Errorf("no test lets %s fire", r.Alert)
		}
	}
}

// promtool runs a command of promtool, which make setup-test puts beside our programs.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	path, err := filepath.Abs("../../../../bin/promtool")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := exec.LookPath("promtool"); err == nil {
		path = found
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("PBXJAIL_KERNEL") == "1" {
			t.Fatal("there is no promtool: run make setup-test")
		}
		t.Skip("there is no promtool: run make setup-test")
	}
	c := exec.Command(path, args...)
	c.Stdin = strings.NewReader(input)
	if out, err := c.CombinedOutput(); err != nil || strings.Contains(string(out), "FAILED") {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	} else if strings.TrimSpace(input) != "" && len(strings.TrimSpace(string(out))) > 0 { // check metrics prints advice and ends well
		t.Errorf("promtool %s: %s", strings.Join(args, " "), out)
	}
}

// Names and help of our metrics are after the conventions of Prometheus.
func TestPromtoolMetrics(t *testing.T) {
	var ours strings.Builder
	for line := range strings.Lines(exposition(t)) {
		if strings.Contains(line, "pbxjail_") {
			ours.WriteString(line)
		}
	}
	promtool(t, ours.String(), "check", "metrics")
}

func TestPromtoolRules(t *testing.T) {
	promtool(t, "", "check", "rules", "pbxjail.rules.yaml")
	promtool(t, "", "test", "rules", "pbxjail.rules_test.yaml")
}

// The expressions of the dashboard are correct: each becomes a rule, which promtool checks.
func TestPromtoolDashboard(t *testing.T) {
	type record struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var list []record
	all := expressions(t)
	for i, where := range slices.Sorted(maps.Keys(all)) {
		list = append(list, record{fmt.Sprintf("panel:%d", i), all[where]})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": list}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "panels.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", file)
}
