package parsers

import (
	"bytes"
	"slices"
)

// threadKey is the thread of a record and the file it wrote for: 0 where the record
// names none, or a number that was dialled. The low half is the thread.
func threadKey(r *record) uint64 {
	if len(r.lwp) == 0 || len(r.lwp) > 10 || bytes.HasPrefix(r.file, []byte("Ext. ")) {
		return 0
	}
	lwp := uint64(0)
	for _, c := range r.lwp {
		if c < '0' || c > '9' {
			return 0
		}
		lwp = lwp*10 + uint64(c-'0')
	}
	if lwp == 0 || lwp > 1<<31 {
		return 0
	}
	file := r.file
	switch {
	case isCallRecord(r):
		return uint64(hashOf(r.call)|forCall)<<32 | lwp
	case bytes.HasPrefix(file, pjsipFiles): // one pool of threads writes for all of them
		file = pjsipFiles
	}
	return uint64(hashOf(file)&^forCall)<<32 | lwp
}

// hashOf is FNV-1a.
func hashOf(name []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range name {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// forCall marks the key of a call's thread: it names the call in place of a file.
const forCall = 1 << 31

func keyClass(key uint64) class {
	if uint32(key>>32)&forCall != 0 {
		return ofCall
	}
	return ofFile
}

// isCallRecord reports whether a record belongs to a call, and its thread may be the
// call's own: such a thread writes for many files, and each of its records begins where
// a record begins.
func isCallRecord(r *record) bool { return len(r.call) > 0 && !isRead(r) && !ownThreads(r.file) }

// pjsipFiles is what the names of all source files of res_pjsip begin with.
var pjsipFiles = []byte("res_pjsip")

// isSteady reports whether the thread of a record serves its file for long, so that it
// is one of few, or a call, so that it is one of the latest.
func isSteady(r *record) bool {
	if len(r.call) > 0 {
		return isCallRecord(r)
	}
	switch string(r.file) {
	case "chan_sip.c", "chan_iax2.c", "res_security_log.c":
		return true
	}
	return bytes.HasPrefix(r.file, pjsipFiles)
}

// recentKeys is the latest threads of calls, the last one used first.
type recentKeys struct{ keys []uint64 }

// use reports whether the key is known, and makes it the last one used.
func (r *recentKeys) use(key uint64) bool {
	at := slices.Index(r.keys, key)
	if at > 0 {
		copy(r.keys[1:at+1], r.keys[:at])
		r.keys[0] = key
	}
	return at >= 0
}

func (r *recentKeys) add(key uint64) {
	if r.keys == nil {
		r.keys = make([]uint64, 0, fewCalls)
	}
	if len(r.keys) < fewCalls {
		r.keys = append(r.keys, 0)
	}
	copy(r.keys[1:], r.keys)
	r.keys[0] = key
}

// holds reports whether the thread works for this very call.
func (r *recentKeys) holds(key uint64) bool { return slices.Contains(r.keys, key) }

// has reports whether the thread works for some call: one of the latest, as each that is
// known makes a guess easier.
func (r *recentKeys) has(lwp uint32) bool {
	return slices.ContainsFunc(r.keys[:min(len(r.keys), fewWriters)], func(key uint64) bool { return uint32(key) == lwp })
}
