// Package manager says what the packets of the Asterisk Manager Interface mean: security
// events become the same events as lines of the security log, and calls, contacts and peers
// become values. The daemon calls it with each packet that its client (watcher/ami) receives.
//
// It takes bytes, keeps nothing, opens nothing, and never panics. Asterisk escapes nothing in
// a packet, so a caller can add lines of its own. A packet whose lines are not exactly those
// that Asterisk writes charges no address, and protects none.
package manager
