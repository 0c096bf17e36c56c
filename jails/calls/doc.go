// Package calls watches the calls of each account and finds the accounts that a thief uses:
// too many calls a minute, at the same time, to one number, to new countries, at night, or too
// many minutes. The words and the limits are those of OpenSIPS's module fraud_detection:
// warning and critical. The daemon hands it calls, from AMI or from the call records of
// Asterisk (CDR), and asks it which accounts are at a limit.
//
// It must never act and never read a clock: it reports, and the daemon does what the main file
// allows. An account is who Asterisk let make the call; no text of a caller names one here.
//
// All is bounded. A limit that an account has reached is never forgotten to make room, and an
// account for which there is no room is counted together with others, so that a thief cannot
// hide behind many accounts.
package calls
