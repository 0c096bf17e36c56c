// Package feeds keeps the lists of bad addresses that others publish: it fetches
// and reads them, answers which of them list an address, and hands those that ban
// by themselves to an enforcer. The daemon runs a Feeds; jailctl calls Parse.
//
// A feed is not proof. It must never ban a protected address, or an address that no packet
// from outside can have, and it must never grow without a limit. If a feed fails, the last
// good copy stays in use: in memory, and on disk for the next start. Only Run waits for the
// network.
package feeds
