package control

import (
	"context"
	"time"
)

// Feed is a list of bad addresses that others maintain, in its present state.
type Feed struct {
	Name      string     `json:"name"`
	Source    string     `json:"source"` // a file, or a URL without text that looks like a key
	Format    string     `json:"format"` // the format it was read as; "" before the first read
	Use       string     `json:"use"`    // factor, ban or both
	Factor    float64    `json:"factor"`
	Enabled   bool       `json:"enabled"`
	Entries   int        `json:"entries"` // entries in use
	Masked    int        `json:"masked"`  // of these: networks that had host bits
	Dropped   int        `json:"dropped"` // entries that a feed cannot mean, such as private addresses
	Refused   int        `json:"refused"` // lines that are not an address, or too wide a network
	Notes     []FeedNote `json:"notes"`
	Fetched   *time.Time `json:"fetched"`   // when it said that; null: never
	Checked   *time.Time `json:"checked"`   // when its source last confirmed it
	Next      *time.Time `json:"next"`      // next fetch; null: the feed is off, or a file
	InKernel  int        `json:"in_kernel"` // prefixes that are dropped
	Protected int        `json:"protected"` // prefixes removed or reduced, because protected addresses are inside
	Problem   string     `json:"problem"`   // "" is none
	Hint      string     `json:"hint"`
}

// FeedNote is a line of a feed that was changed or refused. Its text is quoted.
type FeedNote struct {
	Line int    `json:"line"`
	What string `json:"what"`
}

// Feeds returns the feeds in the order of the main file.
func (c *Client) Feeds(ctx context.Context) ([]Feed, error) {
	return Ask(ctx, c, CallFeeds, None{})
}
