//go:build windows

package stage

import (
	"os/exec"
	"path/filepath"
	"syscall"
)

// newProcessGroup is CREATE_NEW_PROCESS_GROUP.
const newProcessGroup = 0x200

// ownGroup keeps a command out of reach of the console's interrupts. At the end
// of its time only the command itself is killed.
func ownGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{CreationFlags: newProcessGroup}
}

func inFolder(dir, name string) string {
	if filepath.IsAbs(name) || filepath.VolumeName(name) != "" {
		return name
	}
	return filepath.Join(dir, name)
}
