package control

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Why is all that is known of an address.
type Why struct {
	Addr      netip.Addr `json:"addr"`
	Banned    *Ban       `json:"banned"`    // the live ban that holds it; null: none
	Sum       *Sum       `json:"sum"`       // how the points of that ban add up; null: nobody counted, or it is forgotten
	Protected string     `json:"protected"` // why it is never banned, or ""
	LoggedIn  string     `json:"logged_in"` // who is at home there, and when that logged in last, or ""
	Alarms    []Alarm    `json:"alarms"`    // about it, that nobody has seen yet
	Consulted []string   `json:"consulted"` // the protections that were asked
	Place     Place      `json:"place"`
	Feeds     []string   `json:"feeds"`      // that list it, with their factors
	DroppedBy []string   `json:"dropped_by"` // feeds whose lists in the kernel drop it, without any ban
	Strikes   int        `json:"strikes"`    // of its last ban that is over
	LastBan   *time.Time `json:"last_ban"`   // when that ended; null: none
	Jails     []WhyJail  `json:"jails"`      // where it has a score
	Lines     []WhyLine  `json:"lines"`      // the records behind the ban
	History   []Ban      `json:"history"`
	Ends      string     `json:"ends"` // how this ends, in words
}

// Place is what is known of where an address is. Its fields may be empty.
type Place struct {
	Country string       `json:"country"` // ISO 3166 code
	ASN     uint32       `json:"asn"`
	Org     string       `json:"org"`
	Network netip.Prefix `json:"network"`
}

// Sum is how points add up: those that the lines count, and Rest, are Score.
type Sum struct {
	Score     float64 `json:"score"`
	Maxretry  float64 `json:"maxretry"`
	Within    int64   `json:"within"` // seconds
	Rest      float64 `json:"rest"`   // of earlier records, whose text is not kept
	Earlier   int     `json:"earlier"`
	Retold    int     `json:"retold"`    // records of other logs, that tell of the same attempts
	Members   int     `json:"members"`   // addresses of a network that took part; 0 for one address
	Allowance int     `json:"allowance"` // by how much maxretry is larger than the jail's, because accounts are at home there; 0: it is not
	Customer  int     `json:"customer"`  // bits of the prefix of the IPv6 customer who is scored for all of it; 0: this is not about one
	Witness   string  `json:"witness"`   // who wrote the records that count: security, notice, acl, dialplan, wire
	Packets   string  `json:"packets"`   // what those who know the packets say of them: wire, heard, cannot tell; "": not asked
}

// WhyJail is the score of an address in one jail. 1 point is one ordinary failure.
type WhyJail struct {
	Name     string    `json:"name"`
	Score    float64   `json:"score"`
	Maxretry float64   `json:"maxretry"`
	Findtime int64     `json:"findtime"` // seconds
	Sum      Sum       `json:"sum"`
	Slow     *Sum      `json:"slow"`     // of the long window; null: there is none
	Customer *Sum      `json:"customer"` // of all addresses of its IPv6 customer; null: of none but this one
	NextBan  int64     `json:"next_ban"` // seconds a ban would last now; 0: for ever
	Window   []WhyLine `json:"window"`
}

// WhyLine is one record that counted. Text is quoted.
type WhyLine struct {
	Time     time.Time   `json:"time"`
	Jail     string      `json:"jail"`
	Rule     string      `json:"rule"`
	Evidence string      `json:"evidence"` // claimed, seen or proven; "" in an old ledger
	Base     float64     `json:"base"`     // points of its kind in this jail
	Factors  []WhyFactor `json:"factors"`  // that made points of base, in their order
	Points   float64     `json:"points"`
	Counts   float64     `json:"counts"` // of the points: none of an attempt that another log tells better
	File     string      `json:"file"`
	Text     string      `json:"text"`
	Witness  string      `json:"witness"` // who wrote it: security, notice, acl, dialplan, wire; "" in an old ledger
	Packets  string      `json:"packets"` // what those who know the packets say: wire, heard, cannot tell; "": not asked
}

// WhyFactor is one thing that made a record weigh more or less: points are
// multiplied by By, or set to To where that is not 0.
type WhyFactor struct {
	Name string  `json:"name"`
	Note string  `json:"note"`
	By   float64 `json:"by"`
	To   float64 `json:"to"`
	Text string  `json:"text"` // all of it as people read it
}

// WhyRequest asks for all that is known of an address.
type WhyRequest struct{ Addr netip.Addr }

func (r *WhyRequest) values() url.Values { return url.Values{"addr": {r.Addr.String()}} }

func (r *WhyRequest) read(v url.Values) error {
	addr, err := netip.ParseAddr(v.Get("addr"))
	if err != nil || addr.Zone() != "" {
		return Refuse(http.StatusBadRequest, "ask for /v1/why?addr=ADDR, without a zone", "no address to look for")
	}
	r.Addr = addr.Unmap()
	return nil
}
