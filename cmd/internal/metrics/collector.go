package metrics

import (
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Bounds of labels. What is more than that shares the label "others".
const (
	maxLogs     = 25
	maxJails    = 40
	maxChannels = 16
	maxPrograms = 16
)

// collector makes metrics of the figures that it was given last. It is a
// prometheus.Collector.
type collector struct {
	mu       sync.Mutex // guards all below
	figures  Figures
	logs     *names
	jails    *names
	channels *names
	programs *names
}

func newCollector() *collector {
	return &collector{logs: newNames(maxLogs), jails: newNames(maxJails), channels: newNames(maxChannels), programs: newNames(maxPrograms)}
}

func (c *collector) set(f Figures) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.figures = f
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, f := range families {
		to <- f.desc()
	}
	to <- latencyDesc()
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &c.figures
	for i := range families {
		one := &families[i]
		desc := one.desc()
		one.values(c, f, func(n float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(desc, one.kind, n, labels...)
		})
	}
	c.latency(to)
}

const (
	latencyName = "pbxjail_ban_latency_seconds"
	latencyHelp = "Time from reading the line or the packet that led to a ban until the kernel had the ban. Bans by hand do not count."
)

func latencyDesc() *prometheus.Desc {
	return prometheus.NewDesc(latencyName, latencyHelp, nil, nil)
}

func (c *collector) latency(to chan<- prometheus.Metric) {
	l := c.figures.Latency
	if len(l.Buckets) != len(l.Bounds)+1 {
		return // nothing was measured
	}
	buckets, total := map[float64]uint64{}, uint64(0)
	for i, bound := range l.Bounds {
		total += l.Buckets[i]
		buckets[bound.Seconds()] = total
	}
	total += l.Buckets[len(l.Bounds)]
	to <- prometheus.MustNewConstHistogram(latencyDesc(), total, l.Sum.Seconds(), buckets)
}

// byLog calls yield for each log that has a label of its own, and once for all others
// together: their numbers are summed up, and the oldest last record is theirs.
func (c *collector) byLog(f *Figures, yield func(label string, l *Log)) {
	var others *Log
	for i := range f.Logs {
		l := &f.Logs[i]
		label := c.logs.label(l.Name)
		if label != Others {
			yield(label, l)
			continue
		}
		if others == nil {
			others = &Log{OK: true}
		}
		others.add(l)
	}
	if others != nil {
		yield(Others, others)
	}
}

func (l *Log) add(o *Log) {
	l.OK = l.OK && o.OK
	l.Lines, l.Records, l.Counted, l.Doubtful = l.Lines+o.Lines, l.Records+o.Records, l.Counted+o.Counted, l.Doubtful+o.Doubtful
	l.Unread, l.Behind, l.Missed = l.Unread+o.Unread, l.Behind+o.Behind, l.Missed+o.Missed
	if l.LastRecord.IsZero() || !o.LastRecord.IsZero() && o.LastRecord.Before(l.LastRecord) {
		l.LastRecord = o.LastRecord
	}
}

// byName gives numbers with bounded names.
func byName(n *names, list []Named, give func(n float64, labels ...string)) {
	s := newSums(n)
	for _, one := range list {
		s.add(one.Name, one.N)
	}
	for _, label := range s.order {
		give(s.values[label], label)
	}
}

// flag is 1 for true.
func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unix is a time for a metric whose name ends in timestamp_seconds.
func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func goVersion() string { return runtime.Version() }
