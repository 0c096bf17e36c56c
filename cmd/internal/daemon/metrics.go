package daemon

import (
	"strings"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/metrics"
	"pbxjail/jails/warden"
	"pbxjail/watcher"
)

// openMetrics makes the server of the metrics. It listens on nothing unless the main file
// says where.
func (d *Daemon) openMetrics(b *backend) {
	d.metrics = metrics.New(metrics.Options{Figures: b.metrics, Log: d.log})
	d.metrics.Set(d.upkeep.settings().Metrics.Listen)
	d.upkeep.metrics = d.metrics
}

// metricsProblems are why Prometheus cannot read, for status.
func (d *Daemon) metricsProblems() []control.Problem {
	err := d.metrics.Problem()
	if err == nil {
		return nil
	}
	return []control.Problem{{About: control.AboutMetrics, What: "no program can read the metrics; bans are not affected: " + err.Error(), Hint: todo(err, retryHint)}}
}

// metrics are the figures of now. Its time does not grow with the bans.
func (b *backend) metrics(now time.Time) metrics.Figures {
	counted := b.warden.Figures()
	s := b.statusOf(counted.Report, now)
	f := b.figures(counted)
	out := metrics.Figures{
		Version: s.Version, Enforcing: s.Enforcing, Off: s.Off != nil, Problems: len(s.Problems), Alarms: len(s.Alarms),
		Doubtful: s.Counters.Ambiguous, Suspects: s.Counters.Suspects, Forged: counted.Forged, Protected: f.Protected,
		Unbans: s.Counters.Unbans, Evicted: s.Counters.Evicted, Displaced: s.Counters.Displaced, Pending: f.Pending, Unwritten: f.Unwritten,
		PutBack: s.Counters.PutBack, Adopted: s.Counters.Adopted, Expelled: s.Counters.Expelled, LogLost: f.LogLost,
		Latency: metrics.Latency{Buckets: counted.Latency.Buckets[:], Sum: counted.Latency.Sum, Bounds: latencyBounds()},
		Bans:    namedOf(f.Bans), Active: namedOf(f.Active), Fixes: namedOf(f.Repairs),
	}
	for _, e := range f.Events {
		out.Events = append(out.Events, metrics.Event{Kind: e.Kind, Witness: e.Witness, N: e.Events})
	}
	for i := range s.Files {
		f := &s.Files[i]
		absent := f.Problem == control.NotThere && f.Finding == ""    // a shipped jail names it, and this machine has none
		again := strings.Contains(f.Finding, watcher.ErrSame.Error()) // it is read under another name
		if f.Lines > 0 || !absent && !again {
			out.Logs = append(out.Logs, logOf(f))
		}
	}
	for _, j := range s.Jails {
		if j.Enabled { // else it is refused and does not run
			out.Jails = append(out.Jails, metrics.Jail{Name: j.Name, Events: j.Events, Tracked: j.Tracked})
		}
	}
	for _, c := range s.Notify {
		out.Channels = append(out.Channels, metrics.Channel{Name: c.Name, Waiting: c.Waiting, Sent: c.Sent, Dropped: c.Dropped, Failures: c.Failures})
	}
	for _, q := range f.Queues {
		out.Queues = append(out.Queues, metrics.Queue(q))
	}
	if f.Dropped != nil {
		out.Drops = &metrics.Drops{Packets: f.Dropped.Packets, Bytes: f.Dropped.Bytes}
	}
	if w := s.Wire; w.Enabled {
		out.Wire = &metrics.Wire{Complete: w.Complete != nil, Packets: w.Packets, Events: w.Events, Banned: w.Banned, Dropped: w.Dropped, Sampled: w.Sampled}
	}
	return out
}

// logOf is a log for metrics.
func logOf(f *control.File) metrics.Log {
	l := metrics.Log{
		Name: f.Path, OK: f.Problem == "" && f.Finding == "", Lines: f.Lines, Records: f.Records, Doubtful: f.Doubtful, Counted: f.Matched - min(f.Doubtful, f.Matched),
		Unread: f.Unread, Behind: max(f.Size-f.Offset, 0), Missed: f.Missed,
	}
	if f.LastRecord != nil {
		l.LastRecord = *f.LastRecord
	}
	return l
}

func namedOf(counts []control.Count) (list []metrics.Named) {
	for _, c := range counts {
		list = append(list, metrics.Named{Name: c.Name, N: float64(c.N)})
	}
	return list
}

func latencyBounds() []time.Duration { return warden.LatencyBounds[:] }
