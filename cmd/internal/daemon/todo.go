package daemon

import (
	"cmp"

	"pbxjail/configs/hint"
)

const (
	// moreHint is for an error that nothing more is known of.
	moreHint = "to see which parts of pbxjail work: jailctl doctor; if this comes again: systemctl restart pbxjail"
	// retryHint is for what pbxjail does again by itself.
	retryHint = "pbxjail tries again by itself. If this comes again: systemctl restart pbxjail (bans stay in force)"
)

// todo is what to do about an error: its own hint, or the usual one. No error is without.
func todo(err error, usual string) string { return cmp.Or(hint.Of(err), usual) }
