package control

import (
	"time"

	"pbxjail/configs/show"
)

// The calls about messages.
var (
	CallNotify    = Call[None, []Channel]{"GET", "notify"} // in the order of the main file
	CallNotifyTry = Call[NotifyTestRequest, NotifyTestAnswer]{"POST", "notify-test"}
)

// Channel is one way that messages go to admins.
type Channel struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Target  string   `json:"target"` // without what may be a secret
	Kinds   []string `json:"kinds"`  // empty: all
	Least   string   `json:"least"`  // severity: info, warning, critical
	Waiting int      `json:"waiting"`
	Bytes   int      `json:"waiting_bytes"`
	Sent    uint64   `json:"sent"`    // messages since the daemon started
	Dropped uint64   `json:"dropped"` // events whose text had no room; the next message has their number

	LastSent *time.Time `json:"last_sent"` // null: none yet
	Problem  string     `json:"problem"`   // of the last attempt; "" is none
	Hint     string     `json:"hint"`
	Failures int        `json:"failures"`      // attempts in a row that failed
	Failing  *time.Time `json:"failing_since"` // null: the last attempt was good
	Next     *time.Time `json:"next_attempt"`  // null: nothing waits
}

// NotifyTestRequest sends a test message to a channel; "" is all of them.
type NotifyTestRequest struct {
	Channel string `json:"channel"`
}

func (q *NotifyTestRequest) subject() string {
	if q.Channel == "" {
		return "all channels"
	}
	return show.Escaped(q.Channel)
}

// NotifyTest is how a test message ended.
type NotifyTest struct {
	Name         string `json:"name"`
	Type         string `json:"type"`
	Target       string `json:"target"`
	Milliseconds int64  `json:"milliseconds"`
	Problem      string `json:"problem"` // "": the receiver took the message
	Hint         string `json:"hint"`
}

// NotifyTestAnswer has a result for each channel that was tested.
type NotifyTestAnswer struct {
	Results []NotifyTest `json:"results"`
}
