// Package recent is a map that forgets, so that nobody who chooses its keys can fill the
// memory. The judge and its rooms keep in it what matters for some time only.
//
// A Map is not safe for concurrent use. It must never hold what has to be remembered: any
// key can be pushed out by others.
package recent
