package lab

// GuardSecret is the secret of the user of pbxjail at the manager interface of the bench's
// PBX, and GuardManager the file manager-more.conf that has this user.
const (
	GuardSecret  = "lab-pbxjail-5Rt"
	GuardManager = `[pbxjail]
secret = ` + GuardSecret + `
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
read = security,system,call,cdr
write = system,call
`
)
