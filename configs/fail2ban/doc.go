// Package fail2ban reads the configuration of a fail2ban (jail.conf(5)): its jails and
// filters, with what they include and put into each other. jailctl import calls it.
//
// It must never run anything that the configuration names (actions, ignorecommand), never
// look up a name, and never say that a pattern was taken when it means something else here:
// what cannot be taken is named with the reason.
package fail2ban
