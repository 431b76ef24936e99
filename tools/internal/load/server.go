// Package load measures the confirmation server under load, in a process of its own, over the loopback interface.
package load

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/tools/internal/keys"
)

// A server is a process that answers questions.
type server struct {
	cmd  *exec.Cmd
	host string
	key  *voprf.PrivateKey
}

// start runs preseal serve, which is this program, with a new key and without limits.
func start(ctx context.Context) (*server, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var secret [32]byte
	rand.Read(secret[:])
	key, err := voprf.DeriveKey(secret)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "serve", "--listen", "127.0.0.1:0", "--rate", "0", "--ceiling", "0")
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), keys.Environment+"="+base64.StdEncoding.EncodeToString(secret[:]))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var log strings.Builder
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		var u *url.URL
		if u, err = url.Parse(strings.TrimSpace(line)); err == nil {
			return &server{cmd, u.Host, key}, nil
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	return nil, fmt.Errorf("start the server: %w: %s", err, log.String())
}

// process is the server's number.
func (s *server) process() string { return strconv.Itoa(s.cmd.Process.Pid) }
