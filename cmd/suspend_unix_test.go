//go:build unix

package cmd

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Ctrl-Z stops the process until a shell continues it. Without a shell above
// the signal is passed over, and waiting to be continued would be for ever.
func TestSuspend(t *testing.T) {
	below := exec.Command("suspend-itself")
	below.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell starts a job
	if err := below.Start(); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(below.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("it did not stop: %v, %v", status, err)
	}
	if err := below.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := below.Wait(); err != nil {
		t.Errorf("continued: %v", err)
	}

	alone := exec.Command("suspend-itself")
	alone.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as sshd starts a command
	out, err := alone.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no shell started this") {
		t.Errorf("%v: %s", err, out)
	}
}
