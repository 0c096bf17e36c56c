// Package recordings finds recordings of calls and voicemail on this machine, lists them,
// deletes those that are older than the policy says, and keeps holds and a trail of what was
// deleted. jailctl calls it, and the part of the audit about recordings; the daemon does not.
//
// Names of recordings hold text of callers, and the folders belong to the user of Asterisk,
// who may be an attacker. So nothing here follows a symbolic link that this user could have
// made, no name reaches a shell, and a deletion names a file inside a folder that is open.
//
// It must never delete anything without a retention and a written trail, never a file that is
// on hold or open, and never a file outside the folders of the policy. It never prints: a
// printer must escape all names.
package recordings
