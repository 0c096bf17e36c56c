package control

import "context"

// Rules are the packet rules.
type Rules struct {
	Enabled bool   `json:"enabled"`
	Chain   string `json:"chain"` // "" if there is none in the kernel
	Rules   []Rule `json:"rules"` // in the order of the kernel
}

// Rule is one packet rule of one address family.
type Rule struct {
	Family  int    `json:"family"` // 4 or 6
	About   string `json:"about"`
	Proto   string `json:"proto"` // "" is any
	Ports   string `json:"ports"` // "" is any; "not 5060" is any except those
	Drop    bool   `json:"drop"`  // false: accepts
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Rules returns the packet rules with the kernel's counters.
func (c *Client) Rules(ctx context.Context) (Rules, error) {
	return Ask(ctx, c, CallRules, None{})
}
