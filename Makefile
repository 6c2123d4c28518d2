# Installation for those who build hitl themselves. "make help" lists what there is.
#
#   make && sudo make install && sudo hitl init --system && sudo hitl doctor
#
# Packagers: DESTDIR, PREFIX and the directories below are honoured. Without being root, DESTDIR gets
# the modes, and the package format has to give everything to root.

PREFIX     ?= /usr/local
DESTDIR    ?=

exec_prefix = $(PREFIX)
bindir      = $(exec_prefix)/bin
libdir      = $(exec_prefix)/lib
datadir     = $(PREFIX)/share
mandir      = $(datadir)/man
docdir      = $(datadir)/doc/hitl
# Not below PREFIX: hitl and PAM look nowhere else.
sysconfdir  = /etc
sharedstatedir = /var/lib
bashdir     = $(datadir)/bash-completion/completions
zshdir      = $(datadir)/zsh/site-functions
fishdir     = $(datadir)/fish/vendor_completions.d
sysusersdir = $(libdir)/sysusers.d
tmpfilesdir = $(libdir)/tmpfiles.d
unitdir     = $(libdir)/systemd/system
# hitl looks for its sender in ../lib/hitl as seen from where it is itself.
senderdir   = $(bindir)/../lib/hitl

CARGO      ?= cargo
INSTALL    ?= install
BINARY     ?= target/release/hitl
# What tells people: of the same build, and without any privileges.
SENDER     ?= $(dir $(BINARY))hitl-notify

INSTALL_DATA = $(INSTALL) -m 0644
PAGES_1 = $(notdir $(wildcard man/*.1))
PAGES_5 = $(notdir $(wildcard man/*.5))

.PHONY: all help install uninstall deb check check-root

all: ## build the release binary
	$(CARGO) build --release --locked

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

check: ## run all tests
	./tests/run

check-root:
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" -ne 0 ]; then \
	  echo 'make: hitl is installed setuid root, which only root can do: sudo make install' >&2; \
	  echo 'make: (or DESTDIR=DIRECTORY to collect the files for a package)' >&2; \
	  exit 1; \
	fi

# Nothing is built here: as root, cargo would run every build script as root, or not be found.
install: check-root ## install, as root
	@[ -x "$(BINARY)" ] || { echo 'make: $(BINARY) is not there: run "make" first, as yourself' >&2; exit 1; }
	$(INSTALL) -d "$(DESTDIR)$(bindir)" "$(DESTDIR)$(mandir)/man1" "$(DESTDIR)$(mandir)/man5" \
	  "$(DESTDIR)$(bashdir)" "$(DESTDIR)$(zshdir)" "$(DESTDIR)$(fishdir)" \
	  "$(DESTDIR)$(sysusersdir)" "$(DESTDIR)$(tmpfilesdir)" "$(DESTDIR)$(sysconfdir)/pam.d" \
	  "$(DESTDIR)$(senderdir)" "$(DESTDIR)$(unitdir)"
	cd man && $(INSTALL_DATA) $(PAGES_1) "$(DESTDIR)$(mandir)/man1/"
	cd man && $(INSTALL_DATA) $(PAGES_5) "$(DESTDIR)$(mandir)/man5/"
	$(INSTALL_DATA) completions/hitl.bash "$(DESTDIR)$(bashdir)/hitl"
	$(INSTALL_DATA) completions/_hitl "$(DESTDIR)$(zshdir)/_hitl"
	$(INSTALL_DATA) completions/hitl.fish "$(DESTDIR)$(fishdir)/hitl.fish"
	$(INSTALL_DATA) packaging/sysusers.d/hitl.conf "$(DESTDIR)$(sysusersdir)/hitl.conf"
	$(INSTALL_DATA) packaging/tmpfiles.d/hitl.conf "$(DESTDIR)$(tmpfilesdir)/hitl.conf"
	$(INSTALL_DATA) packaging/systemd/hitl-prune.timer "$(DESTDIR)$(unitdir)/hitl-prune.timer"
	$(INSTALL_DATA) packaging/systemd/hitl-prune.service "$(DESTDIR)$(unitdir)/hitl-prune.service"
	@# The unit is written for a package; a unit starts programs by their whole path.
	@sed -i 's|/usr/bin/hitl|$(bindir)/hitl|' "$(DESTDIR)$(unitdir)/hitl-prune.service"
	@# As the program below: under its name when it is complete.
	@set -e; new=$$(mktemp "$(DESTDIR)$(senderdir)/.hitl-notify.XXXXXXXXXX"); trap 'rm -f "$$new"' EXIT; \
	  cat "$(SENDER)" > "$$new"; \
	  if [ "$$(id -u)" -eq 0 ]; then chown 0:0 "$$new"; fi; \
	  chmod 755 "$$new"; \
	  mv -f "$$new" "$(DESTDIR)$(senderdir)/hitl-notify"
	@# Configuration is the administrator's: never overwritten.
	@if [ -e "$(DESTDIR)$(sysconfdir)/pam.d/hitl" ]; then \
	  echo 'kept $(DESTDIR)$(sysconfdir)/pam.d/hitl (was there already)'; \
	else \
	  $(INSTALL_DATA) packaging/pam/hitl "$(DESTDIR)$(sysconfdir)/pam.d/hitl"; \
	fi
	@# The program last, when all it refers to is there; complete, root's, and only then setuid, and
	@# only then under its name: whoever starts hitl meanwhile gets the old one or the new one.
	@set -e; new=$$(mktemp "$(DESTDIR)$(bindir)/.hitl.XXXXXXXXXX"); trap 'rm -f "$$new"' EXIT; \
	  cat "$(BINARY)" > "$$new"; \
	  if [ "$$(id -u)" -eq 0 ]; then chown 0:0 "$$new"; fi; \
	  chmod 4755 "$$new"; sync "$$new"; \
	  mv -f "$$new" "$(DESTDIR)$(bindir)/hitl"; \
	  echo 'installed $(DESTDIR)$(bindir)/hitl'
	@if [ -z "$(DESTDIR)" ]; then \
	  if command -v systemd-sysusers >/dev/null; then systemd-sysusers "$(sysusersdir)/hitl.conf"; fi; \
	  echo 'next:  $(bindir)/hitl init --system   writes a policy to start from'; \
	  echo '       $(bindir)/hitl doctor          says what is still missing, and how to mend it'; \
	  echo '       systemctl enable --now hitl-prune.timer   takes old snapshots away every day'; \
	fi

uninstall: check-root ## remove what was installed, and keep policy, state and audit log
	@# A second name that somebody gave the file must not stay setuid.
	@if [ -e "$(DESTDIR)$(bindir)/hitl" ]; then chmod a-s "$(DESTDIR)$(bindir)/hitl"; fi
	rm -f "$(DESTDIR)$(bindir)/hitl" "$(DESTDIR)$(senderdir)/hitl-notify"
	@[ ! -d "$(DESTDIR)$(senderdir)" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)$(senderdir)"
	cd man && for page in *.1; do rm -f "$(DESTDIR)$(mandir)/man1/$$page"; done
	cd man && for page in *.5; do rm -f "$(DESTDIR)$(mandir)/man5/$$page"; done
	rm -f "$(DESTDIR)$(bashdir)/hitl" "$(DESTDIR)$(zshdir)/_hitl" "$(DESTDIR)$(fishdir)/hitl.fish"
	rm -f "$(DESTDIR)$(sysusersdir)/hitl.conf" "$(DESTDIR)$(tmpfilesdir)/hitl.conf"
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl disable --now hitl-prune.timer || true; fi
	rm -f "$(DESTDIR)$(unitdir)/hitl-prune.timer" "$(DESTDIR)$(unitdir)/hitl-prune.service"
	@# The PAM service, where it is still as it was installed.
	@if cmp -s packaging/pam/hitl "$(DESTDIR)$(sysconfdir)/pam.d/hitl"; then \
	  rm -f "$(DESTDIR)$(sysconfdir)/pam.d/hitl"; \
	elif [ -e "$(DESTDIR)$(sysconfdir)/pam.d/hitl" ]; then \
	  echo 'kept $(DESTDIR)$(sysconfdir)/pam.d/hitl (it was changed)'; \
	fi
	@echo 'kept $(DESTDIR)$(sysconfdir)/hitl (the policy) and $(DESTDIR)$(sharedstatedir)/hitl (requests, snapshots and'
	@echo 'the audit log, which is evidence): delete them yourself if you may'

deb: all ## build the Debian package
	@$(CARGO) deb --version >/dev/null 2>&1 || \
	  { echo 'make: cargo-deb is not there: cargo install cargo-deb' >&2; exit 1; }
	$(CARGO) deb --no-build --locked
