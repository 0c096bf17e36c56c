package control

// Figures are counters since the daemon started, and the state of its queues: what the
// metrics for Prometheus show and no other field of Status has.
type Figures struct {
	Events    []EventCount `json:"events"`            // events that can charge an address, and log-ins
	Protected uint64       `json:"protected"`         // times that a protected address had enough points for a ban
	Bans      []Count      `json:"bans"`              // that began, by jail; manual is by hand
	Active    []Count      `json:"active_bans"`       // by jail; a ban that is over counts for up to a minute more
	Repairs   []Count      `json:"repairs_by"`        // of the firewall rules, by the program that had changed them
	Dropped   *Dropped     `json:"dropped,omitempty"` // by the rules of bans and feeds; missing: the firewall does not count
	Pending   int          `json:"pending_bans"`      // not in the firewall yet
	Unwritten int          `json:"unwritten_bans"`
	Latency   Latency      `json:"ban_latency"`
	Queues    []Queue      `json:"queues"`         // of decisions, inside the daemon
	LogLost   uint64       `json:"log_lost_lines"` // of the daemon's own log
	Memory    Memory       `json:"memory"`
}

// Count is a number by the name of a jail or of a program, sorted by name.
type Count struct {
	Name string `json:"name"`
	N    uint64 `json:"n"`
}

// EventCount is how many events of a kind a witness reported: a channel of Asterisk's logs, or
// the wire.
type EventCount struct {
	Kind    string `json:"kind"`
	Witness string `json:"witness"`
	Events  uint64 `json:"events"`
}

// Dropped is what rules dropped since they were made, which may be before the daemon started.
type Dropped struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Latency is how long the bans of jails took: from reading the line or the packet until the
// kernel had the ban.
type Latency struct {
	Seconds float64         `json:"seconds"` // of all bans together
	Bans    uint64          `json:"bans"`
	Within  []LatencyBucket `json:"within"` // each includes those before it
}

// LatencyBucket is how many bans took no longer than a time.
type LatencyBucket struct {
	Seconds float64 `json:"seconds"`
	Bans    uint64  `json:"bans"`
}

// Queue is a queue of decisions, by who reads it.
type Queue struct {
	To      string `json:"to"`
	Waiting int    `json:"waiting"`
	Dropped uint64 `json:"dropped"`
}

// Memory is what the daemon uses, in bytes; 0 is not known.
type Memory struct {
	Resident uint64 `json:"resident_bytes"`
	Go       uint64 `json:"go_bytes"` // what the Go runtime has from the system
}
