package control

import (
	"context"
	"time"
)

// Feed is a list of bad addresses that others keep, as the daemon has it.
type Feed struct {
	Name      string     `json:"name"`
	Source    string     `json:"source"` // a file, or an address without what looks like a key
	Format    string     `json:"format"` // as it was read; "" before that
	Use       string     `json:"use"`    // factor, ban or both
	Factor    float64    `json:"factor"`
	Enabled   bool       `json:"enabled"`
	Entries   int        `json:"entries"` // that were taken
	Masked    int        `json:"masked"`  // of those: networks that had host bits
	Dropped   int        `json:"dropped"` // entries that no feed can mean
	Refused   int        `json:"refused"` // lines that are no address, or too wide
	Notes     []FeedNote `json:"notes"`
	Fetched   *time.Time `json:"fetched"`   // when it said that; null: never
	Checked   *time.Time `json:"checked"`   // when its source last confirmed it
	Next      *time.Time `json:"next"`      // when it is asked again; null: it is off, or a file
	InKernel  int        `json:"in_kernel"` // prefixes that are dropped
	Protected int        `json:"protected"` // prefixes that protection took out, or out of
	Problem   string     `json:"problem"`   // "" is none
	Hint      string     `json:"hint"`
}

// FeedNote is a line of a feed that was not taken as it stands. What is quoted.
type FeedNote struct {
	Line int    `json:"line"`
	What string `json:"what"`
}

// Feeds returns the feeds in the order of the main file.
func (c *Client) Feeds(ctx context.Context) ([]Feed, error) {
	return Ask(ctx, c, CallFeeds, None{})
}
