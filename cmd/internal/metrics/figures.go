package metrics

import "time"

// Figures are all counters of a daemon at one moment. Counters begin at 0 with the daemon,
// unless they say otherwise. The texts become labels, so they must be names of the
// configuration or words of ours.
type Figures struct {
	Version   string
	Enforcing bool // packets of banned addresses are dropped
	Off       bool // switched off with jailctl off
	Problems  int  // as status lists them, without those of single jail files
	Alarms    int  // about passwords, not marked as seen

	Logs      []Log
	Jails     []Jail
	Bans      []Named // that began, by jail: those of jails that are gone and of no jail too
	Active    []Named // live bans, likewise
	Events    []Event
	Doubtful  uint64 // events that charge no address
	Suspects  uint64 // of them, those that an attacker seems to have written
	Forged    uint64 // records that reported something that no packet did
	Protected uint64 // verdicts that a protection stopped
	Latency   Latency

	Unbans    uint64
	Evicted   uint64 // addresses that were forgotten early
	Displaced uint64 // bans that ended early
	Pending   int    // bans that are not in the firewall yet
	Unwritten int    // bans that are not in the database yet

	Drops *Drops  // nil: the firewall does not count
	Fixes []Named // repairs of the rules, by the program that had changed them

	PutBack, Adopted, Expelled uint64 // bans that were wrong in the firewall

	Queues   []Queue
	Channels []Channel
	LogLost  uint64 // lines of the daemon's own log
	Wire     *Wire  // nil: no packets are read
}

// Named is a number by a name.
type Named struct {
	Name string
	N    float64
}

// Log is one log that is followed.
type Log struct {
	Name       string
	OK         bool // it is read and understood
	Lines      uint64
	Records    uint64    // lines that begin a record
	Counted    uint64    // events that can charge an address
	Doubtful   uint64    // events that charge no address
	Unread     uint64    // lines since the last record
	Behind     int64     // bytes that are not read yet
	Missed     int       // rotated files that were gone before they could be read
	LastRecord time.Time // zero: none yet
}

// Jail is one jail that runs.
type Jail struct {
	Name    string
	Events  uint64 // that counted
	Tracked int    // addresses with points
}

// Event is how many events of a kind a witness reported.
type Event struct {
	Kind, Witness string
	N             uint64
}

// Latency is how long bans took, from the line or the packet to the kernel.
type Latency struct {
	Bounds  []time.Duration // upper bounds of the buckets, ascending
	Buckets []uint64        // each without those before it; the last has no bound
	Sum     time.Duration
}

// Drops are what the rules of bans and lists dropped since they were made, which may be
// before the daemon began.
type Drops struct{ Packets, Bytes uint64 }

// Queue is a queue of decisions inside the daemon, by who reads it.
type Queue struct {
	To      string
	Waiting int
	Dropped uint64
}

// Channel is one way that messages go to admins.
type Channel struct {
	Name     string
	Waiting  int // events that are not sent yet
	Sent     uint64
	Dropped  uint64 // events whose text had no room
	Failures int    // attempts in a row that failed
}

// Wire is the sensor of packets.
type Wire struct {
	Complete                                  bool // it runs
	Packets, Events, Banned, Dropped, Sampled uint64
}
