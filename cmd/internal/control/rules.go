package control

import "context"

// Rules are the packet rules.
type Rules struct {
	Enabled bool   `json:"enabled"`
	Chain   string `json:"chain"` // "" when none is in the kernel
	Rules   []Rule `json:"rules"` // in the order they are asked
}

// Rule is one packet rule of one address family.
type Rule struct {
	Family  int    `json:"family"` // 4 or 6
	About   string `json:"about"`
	Proto   string `json:"proto"` // "" is any
	Ports   string `json:"ports"` // "" is any; "not 5060" is any but those
	Drop    bool   `json:"drop"`  // false: lets through
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Rules returns the packet rules with what the kernel counted.
func (c *Client) Rules(ctx context.Context) (Rules, error) {
	return Ask(ctx, c, CallRules, None{})
}
