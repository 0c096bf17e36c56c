// Package recent is a map that forgets old keys, so that an attacker that chooses its keys
// cannot fill the memory. The judge and its packages use it for what matters only for some
// time.
//
// A Map is not safe for concurrent use. It must never hold what has to be remembered: any
// key can be pushed out by others.
package recent
