package audit

import "strings"

// ShellWord is a path for a command that an admin pastes into a shell. Paths of a machine may
// be written by an attacker, so all that is no plain word is quoted: sh(1) "single quotes".
func ShellWord(path string) string {
	const plain = "/-_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	if path != "" && strings.Trim(path, plain) == "" && path[0] != '-' {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
