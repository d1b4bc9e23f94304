package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

const serviceName = "platen"

func init() { extraCommands = append(extraCommands, serviceCommand) }

// runService runs a command of platen for the service manager of Windows.
func runService(args []string) error {
	err := svc.Run(serviceName, &windowsService{args: args})
	if log, opened := eventlog.Open(serviceName); err != nil && opened == nil {
		_ = log.Error(1, err.Error())
		_ = log.Close()
	}
	return err
}

// A windowsService is the server as the service manager sees it.
type windowsService struct{ args []string }

// Execute implements [svc.Handler]: it runs the command that the service was
// installed with, until it is told to stop.
func (s *windowsService) Execute(_ []string, requests <-chan svc.ChangeRequest, changes chan<- svc.Status) (specific bool, code uint32) {
	changes <- svc.Status{State: svc.StartPending, WaitHint: uint32((15 * time.Minute).Milliseconds())}
	out, err := serviceOutput()
	if err != nil {
		return true, 2
	}
	defer out.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, s.args, environment{getenv: os.Getenv, environ: os.Environ, stdin: os.Stdin, stdout: out, stderr: out})
	}()
	const accepts = svc.AcceptStop | svc.AcceptShutdown
	changes <- svc.Status{State: svc.Running, Accepts: accepts}
	for {
		select {
		case code := <-ended:
			return true, uint32(code)
		case request := <-requests:
			switch request.Cmd {
			case svc.Interrogate:
				changes <- request.CurrentStatus
			case svc.Stop, svc.Shutdown:
				changes <- svc.Status{State: svc.StopPending, WaitHint: uint32(stopWithin.Milliseconds())}
				stop()
			}
		}
	}
}

// serviceDirectory is where a service has its data and its log.
func serviceDirectory() string { return filepath.Join(os.Getenv("ProgramData"), "platen") }

// makeServiceDirectory makes that directory, for the service's account, the
// system and administrators alone.
func makeServiceDirectory() error {
	if err := os.MkdirAll(serviceDirectory(), 0o700); err != nil {
		return err
	}
	descriptor, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;LS)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")
	if err != nil {
		return err
	}
	access, _, err := descriptor.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(serviceDirectory(), windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, access, nil)
}

// maxServiceLog is when the log of a service is begun anew; as much is kept of what was before it.
const maxServiceLog = 64 << 20

// serviceOutput opens what a service writes to instead of a terminal.
func serviceOutput() (*rotatedFile, error) {
	if err := os.MkdirAll(serviceDirectory(), 0o700); err != nil {
		return nil, err
	}
	return openRotated(filepath.Join(serviceDirectory(), "platen.log"), maxServiceLog)
}

func serviceCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Install the server as a service of Windows, or uninstall it",
		Args:  arguments(),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "install [-- FLAGS OF SERVE]",
			Short: "Install the service, which then starts with Windows",
			Long: `install makes the service "platen", which runs this program's "serve" with the
flags after --, under the account LocalService, and starts with Windows. Unless
the flags say another, the data is in %ProgramData%\platen\data; the log is
%ProgramData%\platen\platen.log, and what was before it in platen.log.1.
Start it with "sc start platen".`,
			Example: "  platen service install -- --listen 0.0.0.0:9340 --tls-cert C:\\platen\\tls.pem --tls-key C:\\platen\\tls.key",
			RunE: func(_ *cobra.Command, args []string) error {
				return installService(env, args)
			},
		},
		&cobra.Command{
			Use:   "uninstall",
			Short: "Stop the service and remove it; the data stays",
			Args:  arguments(),
			RunE: func(*cobra.Command, []string) error {
				return uninstallService(env)
			},
		},
		&cobra.Command{
			Use:                "run COMMAND",
			Short:              "Run a command as a service: what the service manager calls",
			Hidden:             true,
			DisableFlagParsing: true, // they are the command's
			RunE: func(_ *cobra.Command, args []string) error {
				return runService(args)
			},
		},
	)
	return cmd
}

// installService makes the service that runs serve with some flags.
func installService(env environment, flags []string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := makeServiceDirectory(); err != nil {
		return fmt.Errorf("%s: %w; run this as an administrator", serviceDirectory(), err)
	}
	data := filepath.Join(serviceDirectory(), "data")
	named := func(flag string) bool { return strings.HasPrefix(flag, "--data") } // --data, --database
	args := []string{"service", "run", "serve"}
	if !slices.ContainsFunc(flags, named) {
		args = append(args, "--data", data)
	}
	manager, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("the service manager: %w; run this as an administrator", err)
	}
	defer func() { _ = manager.Disconnect() }()
	service, err := manager.CreateService(serviceName, program, mgr.Config{
		DisplayName: "platen", Description: "Server for the entity side of the OL Connect Server REST API",
		StartType: mgr.StartAutomatic, ServiceStartName: `NT AUTHORITY\LocalService`, DelayedAutoStart: true,
	}, append(args, flags...)...)
	if err != nil {
		return fmt.Errorf("the service can not be made: %w", err)
	}
	defer service.Close()
	restart := []mgr.RecoveryAction{{Type: mgr.ServiceRestart, Delay: time.Second}, {Type: mgr.ServiceRestart, Delay: 10 * time.Second}, {Type: mgr.ServiceRestart, Delay: time.Minute}}
	for what, err := range map[string]error{
		"a restart after it fails":          service.SetRecoveryActions(restart, uint32((24 * time.Hour).Seconds())),
		"a restart after it ends by itself": service.SetRecoveryActionsOnNonCrashFailures(true),
		"lines of it in the log of Windows": eventlog.InstallAsEventCreate(serviceName, eventlog.Error|eventlog.Warning|eventlog.Info),
	} {
		if err != nil {
			env.tell(fmt.Sprintf("the service is installed, but without %s: %v", what, err))
		}
	}
	_, err = fmt.Fprintf(env.stdout, "installed the service platen: %s %s\nStart it with: sc start platen\n", program, strings.Join(append(args, flags...), " "))
	return err
}

// uninstallService stops the service and removes it.
func uninstallService(env environment) error {
	manager, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("the service manager: %w; run this as an administrator", err)
	}
	defer func() { _ = manager.Disconnect() }()
	service, err := manager.OpenService(serviceName)
	if err != nil {
		return fmt.Errorf("there is no service platen: %w", err)
	}
	defer service.Close()
	if status, err := service.Control(svc.Stop); err == nil {
		for end := time.Now().Add(2 * stopWithin); status.State != svc.Stopped && time.Now().Before(end); {
			time.Sleep(100 * time.Millisecond)
			if status, err = service.Query(); err != nil {
				break
			}
		}
	}
	if err := service.Delete(); err != nil {
		return err
	}
	_ = eventlog.Remove(serviceName) // which may never have been there
	_, err = fmt.Fprintf(env.stdout, "uninstalled the service platen; the data in %s stays\n", serviceDirectory())
	return err
}
