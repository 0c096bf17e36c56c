package audit

import "pbxjail/cmd/internal/program"

// ShellWord is a path for a command that an admin pastes into a shell. The parts of the audit
// start no program, so they do not know the package that knows how: see program.Word.
func ShellWord(path string) string { return program.Word(path) }
