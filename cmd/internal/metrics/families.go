package metrics

import "github.com/prometheus/client_golang/prometheus"

// family is all series of one name. Its values come from figures.
type family struct {
	name   string // begins with pbxjail_
	help   string
	kind   prometheus.ValueType
	labels []string
	values func(c *collector, f *Figures, give give)
}

// give takes one series: its value, and the values of its labels.
type give = func(n float64, labels ...string)

func (f *family) desc() *prometheus.Desc {
	return prometheus.NewDesc("pbxjail_"+f.name, f.help, f.labels, nil)
}

// plain are the values of a family without labels.
func plain(value func(f *Figures) float64) func(*collector, *Figures, give) {
	return func(_ *collector, f *Figures, give give) { give(value(f)) }
}

// ofLogs are the values of a family with a series for each log.
func ofLogs(value func(l *Log) float64) func(*collector, *Figures, give) {
	return func(c *collector, f *Figures, give give) {
		c.byLog(f, func(label string, l *Log) { give(value(l), label) })
	}
}

// ofJails are the values of a family with a series for each jail that runs.
func ofJails(value func(j *Jail) float64) func(*collector, *Figures, give) {
	return func(c *collector, f *Figures, give give) {
		var list []Named
		for i := range f.Jails {
			list = append(list, Named{f.Jails[i].Name, value(&f.Jails[i])})
		}
		byName(c.jails, list, give)
	}
}

// ofChannels are the values of a family with a series for each channel of messages.
func ofChannels(value func(ch *Channel) float64) func(*collector, *Figures, give) {
	return func(c *collector, f *Figures, give give) {
		var list []Named
		for i := range f.Channels {
			list = append(list, Named{f.Channels[i].Name, value(&f.Channels[i])})
		}
		byName(c.channels, list, give)
	}
}

// ofWire are the values of a family that is there while packets are to be read.
func ofWire(value func(w *Wire) float64) func(*collector, *Figures, give) {
	return func(_ *collector, f *Figures, give give) {
		if f.Wire != nil {
			give(value(f.Wire))
		}
	}
}

// byJail are numbers by jail, with a 0 for each jail that runs and has none.
func byJail(list func(f *Figures) []Named) func(*collector, *Figures, give) {
	return func(c *collector, f *Figures, give give) {
		var all []Named
		for _, j := range f.Jails {
			all = append(all, Named{Name: j.Name})
		}
		byName(c.jails, append(all, list(f)...), give)
	}
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

var (
	perLog     = []string{"log"}
	perJail    = []string{"jail"}
	perChannel = []string{"channel"}
)

// families are all metrics of ours but the histogram.
var families = []family{
	{"build_info", "Version of pbxjail and of Go; always 1.", gauge, []string{"version", "goversion"}, func(_ *collector, f *Figures, give give) { give(1, f.Version, goVersion()) }},
	{"enforcing", "1 while packets of banned addresses are dropped; 0 while pbxjail observes, is off, or the firewall is broken.", gauge, nil, plain(func(f *Figures) float64 { return flag(f.Enforcing) })},
	{"off", "1 while pbxjail is switched off with jailctl off.", gauge, nil, plain(func(f *Figures) float64 { return flag(f.Off) })},
	{"problems", "Problems that jailctl status lists.", gauge, nil, plain(func(f *Figures) float64 { return float64(f.Problems) })},
	{"alarms", "Alarms about passwords that no admin has marked as seen (jailctl ack).", gauge, nil, plain(func(f *Figures) float64 { return float64(f.Alarms) })},

	{"log_ok", "1 while pbxjail reads the log and understands it; 0 while it cannot be read, has no records that pbxjail knows, or is silent while others are not.", gauge, perLog, ofLogs(func(l *Log) float64 { return flag(l.OK) })},
	{"log_lines_total", "Lines that were read of the log.", counter, perLog, ofLogs(func(l *Log) float64 { return float64(l.Lines) })},
	{"log_records_total", "Lines that begin a record of Asterisk.", counter, perLog, ofLogs(func(l *Log) float64 { return float64(l.Records) })},
	{"log_events_total", "Events in the log, by state: counted can charge an address, doubtful charges no address because a caller may have written the record.", counter, []string{"log", "state"}, func(c *collector, f *Figures, give give) {
		c.byLog(f, func(label string, l *Log) {
			give(float64(l.Counted), label, "counted")
			give(float64(l.Doubtful), label, "doubtful")
		})
	}},
	{"log_unread_lines", "Lines since the last record: many of them, and no record, mean that pbxjail does not understand the log.", gauge, perLog, ofLogs(func(l *Log) float64 { return float64(l.Unread) })},
	{"log_behind_bytes", "Bytes of the log that are not read yet.", gauge, perLog, ofLogs(func(l *Log) float64 { return float64(l.Behind) })},
	{"log_missed_files_total", "Rotated files of the log that were compressed or deleted before they could be read.", counter, perLog, ofLogs(func(l *Log) float64 { return float64(l.Missed) })},
	{"log_last_record_timestamp_seconds", "When the last record of the log was read; missing until there is one.", gauge, perLog, func(c *collector, f *Figures, give give) {
		c.byLog(f, func(label string, l *Log) {
			if !l.LastRecord.IsZero() {
				give(unix(l.LastRecord), label)
			}
		})
	}},

	{"events_total", "Events that can charge an address, and log-ins, by kind, and by witness: the channel of Asterisk's logs, or the wire.", counter, []string{"kind", "witness"}, func(_ *collector, f *Figures, give give) {
		for _, e := range f.Events {
			give(float64(e.N), e.Kind, e.Witness)
		}
	}},
	{"events_doubtful_total", "Events of logs that charge no address because their record cannot be trusted.", counter, nil, plain(func(f *Figures) float64 { return float64(f.Doubtful) })},
	{"events_suspect_total", "Doubtful events whose record an attacker seems to have written.", counter, nil, plain(func(f *Figures) float64 { return float64(f.Suspects) })},
	{"records_forged_total", "Records of logs that reported something that no packet did.", counter, nil, plain(func(f *Figures) float64 { return float64(f.Forged) })},

	{"bans_total", "Bans that began, by jail; manual is by hand, unknown was found in the firewall.", counter, perJail, byJail(func(f *Figures) []Named { return f.Bans })},
	{"active_bans", "Bans in force, by jail. A ban that ended counts for up to a minute more.", gauge, perJail, byJail(func(f *Figures) []Named { return f.Active })},
	{"jail_events_total", "Events that the jail counted, of logs and of packets.", counter, perJail, ofJails(func(j *Jail) float64 { return float64(j.Events) })},
	{"tracked_addresses", "Addresses with points in the jail.", gauge, perJail, ofJails(func(j *Jail) float64 { return float64(j.Tracked) })},
	{"unbans_total", "Bans that were ended by hand.", counter, nil, plain(func(f *Figures) float64 { return float64(f.Unbans) })},
	{"protected_hits_total", "Times that a protected address had enough points for a ban, and was not banned.", counter, nil, plain(func(f *Figures) float64 { return float64(f.Protected) })},
	{"bans_pending", "Bans that are not in the firewall yet.", gauge, nil, plain(func(f *Figures) float64 { return float64(f.Pending) })},
	{"bans_unwritten", "Bans that are not in the database yet.", gauge, nil, plain(func(f *Figures) float64 { return float64(f.Unwritten) })},
	{"bans_displaced_total", "Bans that ended early because the list of bans was full.", counter, nil, plain(func(f *Figures) float64 { return float64(f.Displaced) })},
	{"addresses_evicted_total", "Addresses with points that were forgotten early because there was no room (max_addresses).", counter, nil, plain(func(f *Figures) float64 { return float64(f.Evicted) })},

	{"dropped_packets_total", "Packets that the rules of bans and feeds dropped since the rules were made; missing with plain iptables (enforcer: iptables), where pbxjail reads no counts.", counter, nil, ofDrops(func(d *Drops) float64 { return float64(d.Packets) })},
	{"dropped_bytes_total", "Bytes of the packets that the rules of bans and feeds dropped since the rules were made.", counter, nil, ofDrops(func(d *Drops) float64 { return float64(d.Bytes) })},
	{"firewall_repairs_total", "Times that rules or sets of pbxjail had to be put back, by the program that had changed the firewall.", counter, []string{"by"}, func(c *collector, f *Figures, give give) { byName(c.programs, f.Fixes, give) }},
	{"firewall_corrections_total", "Bans that were wrong in the firewall: put_back were missing there, adopted were not in the list of bans, expelled were over.", counter, []string{"what"}, func(_ *collector, f *Figures, give give) {
		give(float64(f.PutBack), "put_back")
		give(float64(f.Adopted), "adopted")
		give(float64(f.Expelled), "expelled")
	}},

	{"decisions_waiting", "Decisions that wait inside pbxjail for a slow reader.", gauge, []string{"to"}, func(_ *collector, f *Figures, give give) {
		for _, q := range f.Queues {
			give(float64(q.Waiting), q.To)
		}
	}},
	{"decisions_dropped_total", "Decisions that had no room because a reader was too slow. Bans are not affected.", counter, []string{"to"}, func(_ *collector, f *Figures, give give) {
		for _, q := range f.Queues {
			give(float64(q.Dropped), q.To)
		}
	}},
	{"notify_waiting", "Events that the channel has not sent yet.", gauge, perChannel, ofChannels(func(c *Channel) float64 { return float64(c.Waiting) })},
	{"notify_sent_total", "Messages that the channel sent.", counter, perChannel, ofChannels(func(c *Channel) float64 { return float64(c.Sent) })},
	{"notify_dropped_total", "Events whose text had no room in the channel; the next message has their number.", counter, perChannel, ofChannels(func(c *Channel) float64 { return float64(c.Dropped) })},
	{"notify_failures", "Attempts of the channel in a row that failed; 0 after a good one.", gauge, perChannel, ofChannels(func(c *Channel) float64 { return float64(c.Failures) })},
	{"own_log_lost_lines_total", "Lines of pbxjail's own log that were dropped because its reader was too slow.", counter, nil, plain(func(f *Figures) float64 { return float64(f.LogLost) })},

	{"wire_complete", "1 while the sensor reads all packets of Asterisk's ports.", gauge, nil, ofWire(func(w *Wire) float64 { return flag(w.Complete) })},
	{"wire_packets_total", "Packets that the sensor read.", counter, nil, ofWire(func(w *Wire) float64 { return float64(w.Packets) })},
	{"wire_events_total", "Events that the sensor found in packets.", counter, nil, ofWire(func(w *Wire) float64 { return float64(w.Events) })},
	{"wire_banned_packets_total", "Packets of banned addresses that the sensor got before the firewall dropped them.", counter, nil, ofWire(func(w *Wire) float64 { return float64(w.Banned) })},
	{"wire_lost_packets_total", "Packets that the sensor lost because its buffer was full.", counter, nil, ofWire(func(w *Wire) float64 { return float64(w.Dropped) })},
	{"wire_skipped_packets_total", "Packets that the sensor skipped because more came than wire.limit allows.", counter, nil, ofWire(func(w *Wire) float64 { return float64(w.Sampled) })},
}

// ofDrops are the values of a family that is there where the firewall counts.
func ofDrops(value func(d *Drops) float64) func(*collector, *Figures, give) {
	return func(_ *collector, f *Figures, give give) {
		if f.Drops != nil {
			give(value(f.Drops))
		}
	}
}
