package control

import "time"

// AMI is the connection to the manager interface of Asterisk.
type AMI struct {
	Enabled    bool       `json:"enabled"` // false: no user is given, and pbxjail does not connect
	Address    string     `json:"address"`
	User       string     `json:"user"`
	Since      *time.Time `json:"since"`      // when the present connection began; null: there is none
	Version    string     `json:"version"`    // of the protocol
	Guarded    bool       `json:"guarded"`    // Asterisk leaves out events that a caller may have forged
	OwnFilter  bool       `json:"own_filter"` // an eventfilter in manager.conf lets events pass, so guarded is false
	Events     uint64     `json:"events"`     // security events
	Doubtful   uint64     `json:"doubtful"`
	TooLong    uint64     `json:"too_long"`   // packets that were too long
	Registered int        `json:"registered"` // contacts of phones
	Trunks     int        `json:"trunks"`     // contacts that are fixed
	Problem    string     `json:"problem"`    // why there is no connection; "" is none
	Hint       string     `json:"hint"`
}
