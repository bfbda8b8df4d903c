# make                    everything, into build/release
# make VARIANT=asan       ASan + UBSan, into build/asan (with its own nginx)
# make VARIANT=tsan       TSan
# make ui                 the browser UI anew, into ui/dist; needs npm
# make fuzz               every decoder for an hour (QASINO_FUZZ_SECONDS)
# make check              what ./test runs, without installing anything
# make install            under PREFIX (/usr/local) of DESTDIR; needs scdoc

VARIANT     ?= release
B           := build/$(VARIANT)
CC          ?= cc
PKG_CONFIG  ?= pkg-config

CPPFLAGS    += -D_GNU_SOURCE -Icommon
CFLAGS      ?= -O2 -g
# Hardened headers mark more results as to be looked at, and take no (void).
WARNINGS    := -std=c11 -Wall -Wextra -Wshadow -Wmissing-prototypes -Werror \
               -Wno-unused-result
SANITIZE    :=
HARDEN      :=
ifeq ($(VARIANT),release)
HARDEN      := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 \
               -fstack-protector-strong -fstack-clash-protection -fPIE \
               $(shell $(CC) -fcf-protection -E -x c /dev/null \
                   > /dev/null 2>&1 && echo -fcf-protection)
LDFLAGS     += -pie -Wl,-z,relro,-z,now
else ifeq ($(VARIANT),asan)
CC          := clang
SANITIZE    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
               -fno-sanitize-recover=undefined
else ifeq ($(VARIANT),tsan)
CC          := clang
SANITIZE    := -O1 -fno-omit-frame-pointer -fsanitize=thread
else ifeq ($(VARIANT),fuzz)
CC          := clang
SANITIZE    := -O1 -fno-omit-frame-pointer \
               -fsanitize=fuzzer-no-link,address,undefined \
               -fno-sanitize-recover=undefined
endif

PACKAGES    := sqlite3 yajl yaml-0.1 libuv libzmq libcurl libedit libseccomp
CPPFLAGS    += $(shell $(PKG_CONFIG) --cflags $(PACKAGES))
LIBS_common   := $(shell $(PKG_CONFIG) --libs yaml-0.1) -lm
LIBS_worker   := $(shell $(PKG_CONFIG) --libs sqlite3 yajl yaml-0.1 libuv) \
                 -lm -lpthread
LIBS_query    := $(shell $(PKG_CONFIG) --libs sqlite3 yaml-0.1 libseccomp) \
                 -lm -lpthread
LIBS_bridge   := $(shell $(PKG_CONFIG) --libs libzmq yajl yaml-0.1) -lm
LIBS_launcher := $(LIBS_common)
LIBS_clients  := $(shell $(PKG_CONFIG) --libs libcurl libzmq yajl) -lm
LIBS_bench    := $(shell $(PKG_CONFIG) --libs sqlite3 yajl) -lm
LIBS_sql      := $(LIBS_clients) $(shell $(PKG_CONFIG) --libs libedit sqlite3)

# clients/NAME_main.c is the program qasino-NAME.
CLIENTS  := $(patsubst clients/%_main.c,qasino-%,$(wildcard clients/*_main.c))
PROGRAMS := $(addprefix $(B)/,qasino-server qasino-worker qasino-query \
              qasino-zmq-bridge $(CLIENTS))

# make V=1 shows the commands.
Q := $(if $(V),,@)
say = @$(if $(V),:,echo "  $(1)")

all: programs module tree
programs: $(PROGRAMS)

# One library a folder, main.c apart, so that unit tests can link any of it.
sources = $(filter-out %/main.c %_main.c,$(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(B)/%.o,$(1))

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(CPPFLAGS) -I$(dir $<) $(CFLAGS) $(WARNINGS) $(SANITIZE) \
	    $(HARDEN) -MMD -MP -c -o $@ $<

define library
$(B)/lib$(1).a: $(call objects,$(call sources,$(2)))
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^
endef
$(eval $(call library,common,common))
$(eval $(call library,worker,worker))
$(eval $(call library,query,worker/query))
$(eval $(call library,bridge,zmq_bridge))
$(eval $(call library,launcher,launcher))
$(eval $(call library,clients,clients))

link = $(Q)$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(1)

$(B)/qasino-worker: $(B)/worker/main.o $(B)/libworker.a $(B)/libcommon.a
	$(call link,$(LIBS_worker))
$(B)/qasino-query: $(B)/worker/query/main.o $(B)/libquery.a $(B)/libcommon.a
	$(call link,$(LIBS_query))
$(B)/qasino-zmq-bridge: $(B)/zmq_bridge/main.o $(B)/libbridge.a \
                        $(B)/libcommon.a
	$(call link,$(LIBS_bridge))
$(B)/qasino-server: $(B)/launcher/main.o $(B)/liblauncher.a $(B)/libcommon.a
	$(call link,$(LIBS_launcher))
$(B)/qasino-sql: $(B)/clients/sql_main.o $(B)/libclients.a $(B)/libcommon.a
	$(call link,$(LIBS_sql))
$(B)/qasino-%: $(B)/clients/%_main.o $(B)/libclients.a $(B)/libcommon.a
	$(call link,$(LIBS_clients))

# The files that the launcher looks for beside its own binary.
# ui/dist is what "make ui" builds, and committed: to serve it takes no npm.
TREE := $(patsubst %,$(B)/%,$(wildcard conf/* examples/*))
WWW  := $(patsubst ui/dist/%,$(B)/www/%,$(wildcard ui/dist/*.html ui/dist/ui/*))
tree: $(TREE) $(WWW)
	@rm -f $(filter-out $(WWW),$(wildcard $(B)/www/ui/*))
$(B)/www/%: ui/dist/%
	@install -D -m644 $< $@
$(B)/conf/%: conf/%
	@install -D -m644 $< $@
$(B)/examples/%: examples/%
	@install -D -m755 $< $@

# The browser UI from its sources.  The next make takes ui/dist over.
ui: ui/node_modules/.package-lock.json
	node ui/build.mjs
ui/node_modules/.package-lock.json: ui/package-lock.json
	npm ci --prefix ui

# The module, against Debian's nginx: its configure once, then its Makefile.
NGINX_DEV := /usr/share/nginx/src
MODULE_B  := $(abspath $(B))/nginx
MODULE    := $(B)/ngx_http_qasino_module.so
MODULE_IN := config $(wildcard ngx_http_qasino_module/*.[ch]) \
             $(wildcard common/*.[ch])

module: $(MODULE)

# Debian's flags for configure leave out those of the compiler.
MODULE_CC := -O2 $(filter-out -fPIE,$(HARDEN)) -fPIC

$(MODULE_B)/Makefile: config Makefile
	@mkdir -p $(MODULE_B)
	$(call say,CONFIGURE nginx)
	$(Q)here=$$PWD; cd $(NGINX_DEV) && . ./conf_flags && \
	bash ./configure "$${NGX_CONF_FLAGS[@]}" --builddir=$(MODULE_B) \
	    --with-cc-opt='$(MODULE_CC)' --with-ld-opt='-Wl,-z,relro,-z,now' \
	    --add-dynamic-module=$$here > $(MODULE_B)/configure.log
$(MODULE_B)/Makefile: SHELL := /bin/bash

$(MODULE): $(MODULE_B)/Makefile $(MODULE_IN)
	$(call say,MODULE $@)
	$(Q)$(MAKE) -s -C $(NGINX_DEV) -f $(MODULE_B)/Makefile modules \
	    > $(MODULE_B)/make.log
	cp $(MODULE_B)/ngx_http_qasino_module.so $@.new
	mv $@.new $@

# Unit tests: one cmocka program a file of t/unit.
UNITS := $(patsubst t/unit/%.c,$(B)/unit/%,$(wildcard t/unit/*.c))
units: $(UNITS)
$(B)/unit/%: $(B)/t/unit/%.o $(B)/libworker.a $(B)/libquery.a \
             $(B)/libbridge.a $(B)/liblauncher.a $(B)/libcommon.a
	@mkdir -p $(@D)
	$(call link,$(LIBS_worker) $(LIBS_bridge) -lcmocka -lpthread)
# Those of the clients have nothing of the server in them.
$(B)/unit/client_%: $(B)/t/unit/client_%.o $(B)/libclients.a \
                    $(B)/libcommon.a
	@mkdir -p $(@D)
	$(call link,$(LIBS_sql) -lcmocka -lpthread)
$(B)/t/unit/%.o: CPPFLAGS += $(UNIT_INCLUDES)
$(B)/t/unit/%.o: UNIT_INCLUDES = -Iworker -Iworker/query -Izmq_bridge \
                                 -Ilauncher
$(B)/t/unit/client_%.o: UNIT_INCLUDES = -Iclients

# Fuzzers: one libFuzzer program a file of t/fuzz, with VARIANT=fuzz.
FUZZERS := $(patsubst t/fuzz/%.c,$(B)/fuzz/%,$(wildcard t/fuzz/*.c))
fuzzers: $(FUZZERS)
$(B)/fuzz/%: $(B)/t/fuzz/%.o $(B)/libworker.a $(B)/libquery.a \
             $(B)/libbridge.a $(B)/libcommon.a
	@mkdir -p $(@D)
	$(call link,-fsanitize=fuzzer $(LIBS_worker) $(LIBS_bridge))
$(B)/fuzz/client_%: $(B)/t/fuzz/client_%.o $(B)/libclients.a $(B)/libcommon.a
	@mkdir -p $(@D)
	$(call link,-fsanitize=fuzzer $(LIBS_clients))
$(B)/t/fuzz/%.o: CPPFLAGS += -Iworker -Iworker/query -Izmq_bridge
$(B)/t/fuzz/client_%.o: CPPFLAGS += -Iclients

# Manual pages, from scdoc sources.
MAN := $(patsubst clients/man/%.scd,$(B)/man/%,$(wildcard clients/man/*.scd))
man: $(MAN)
$(B)/man/%: clients/man/%.scd
	@mkdir -p $(@D)
	scdoc < $< > $@.new && mv $@.new $@

# The server stays one directory, for its programs find each other, conf/ and
# the module beside their own binary (through any link).
PREFIX  ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
HOMEDIR ?= $(PREFIX)/lib/qasino
INSTALL := install

install: all man
	$(INSTALL) -d $(addprefix $(DESTDIR),$(SBINDIR) $(BINDIR) \
	    $(MANDIR)/man1 $(HOMEDIR)/conf $(HOMEDIR)/examples \
	    $(HOMEDIR)/www/ui)
	$(INSTALL) $(filter-out $(CLIENTS:%=$(B)/%),$(PROGRAMS)) \
	    $(DESTDIR)$(HOMEDIR)
	$(INSTALL) -m644 $(MODULE) $(DESTDIR)$(HOMEDIR)
	$(INSTALL) -m644 $(wildcard conf/*) $(DESTDIR)$(HOMEDIR)/conf
	$(INSTALL) -m644 ui/dist/index.html $(DESTDIR)$(HOMEDIR)/www
	$(INSTALL) -m644 $(wildcard ui/dist/ui/*) $(DESTDIR)$(HOMEDIR)/www/ui
	cp $(wildcard examples/*) $(DESTDIR)$(HOMEDIR)/examples
	chmod 755 $(DESTDIR)$(HOMEDIR)/examples/*
	ln -srf $(DESTDIR)$(HOMEDIR)/qasino-server $(DESTDIR)$(SBINDIR)
	$(INSTALL) $(CLIENTS:%=$(B)/%) $(DESTDIR)$(BINDIR)
	ln -sf qasino-sql $(DESTDIR)$(BINDIR)/qasinosql
	$(INSTALL) -m644 $(MAN) $(DESTDIR)$(MANDIR)/man1
	ln -sf qasino-sql.1 $(DESTDIR)$(MANDIR)/man1/qasinosql.1

# The programs of bench/: bench/NAME_main.c is bench-NAME.  None of them has
# anything of the server in it.
BENCHES := $(patsubst bench/%_main.c,$(B)/bench-%,$(wildcard bench/*_main.c))
$(eval $(call library,bench,bench))
$(B)/bench-%: $(B)/bench/%_main.o $(B)/libbench.a
	$(call link,$(LIBS_bench))
benches: $(BENCHES)

# The server against its limits; BENCH=... chooses rows (bench/run --help).
bench: all benches
	bench/run $(BENCH)
bench-quick: all benches
	bench/run --quick $(BENCH)
# Fleets of all sizes, and the plots of docs/performance.md.
bench-plots: all benches
	bench/plots
# 1,000 agents against one server.
bench-agents: all
	bench/agents
# What it costs to hand over a body, as bytes and as a memory file.
bench-handover: benches
	$(B)/bench-handover

clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.PHONY: benches bench bench-quick bench-plots bench-agents \
        bench-handover all programs module tree ui units man install clean
.SECONDARY:

# What ./test runs as released, without installing or sanitizers.
check: all units benches
	prove --exec t/run -j2 $(UNITS) $(wildcard t/*.t)

# nginx and the module under ASan + UBSan, from Debian's source.
nginx-asan:
	t/nginx-asan

# Every decoder for an hour, two at a time, and then the differential test
# (random tables and queries, against plain SQLite) for as long.
fuzz:
	$(MAKE) VARIANT=fuzz fuzzers
	$(MAKE) all
	QASINO_FUZZ_SECONDS=$${QASINO_FUZZ_SECONDS:-3600} \
	    QASINO_TEST_LIMIT=1000000 prove -v --exec t/run t/fuzz/run.t
	QASINO_DIFFERENTIAL_SECONDS=$${QASINO_FUZZ_SECONDS:-3600} \
	    QASINO_SEED=$${QASINO_SEED:-$$(date +%s)} \
	    QASINO_TEST_LIMIT=1000000 prove -v --exec t/run t/differential.t

# clang-tidy and cppcheck; what is off, and why, is in .clang-tidy and
# t/cppcheck.suppress.
LINT_C   := $(wildcard common/*.c worker/*.c worker/query/*.c zmq_bridge/*.c \
              launcher/*.c clients/*.c)
LINT_NGX := $(wildcard ngx_http_qasino_module/*.c)
lint: $(addprefix lint-,$(LINT_C)) $(addprefix lint-ngx-,$(LINT_NGX)) cppcheck
$(addprefix lint-,$(LINT_C)): lint-%:
	$(call say,TIDY $*)
	$(Q)clang-tidy --quiet $* -- $(CPPFLAGS) -I$(dir $*) -std=c11 \
	    2> /dev/null
$(addprefix lint-ngx-,$(LINT_NGX)): lint-ngx-%: $(MODULE_B)/Makefile
	$(call say,TIDY $*)
	$(Q)clang-tidy --quiet $* -- -D_GNU_SOURCE -Icommon \
	    $(addprefix -isystem $(NGINX_DEV)/,$(NGINX_INC)) \
	    -isystem $(MODULE_B) 2> /dev/null
NGINX_INC := src/core src/event src/event/modules src/os/unix src/http \
             src/http/modules src/http/v2
cppcheck:
	$(call say,CPPCHECK)
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 \
	    --enable=warning,performance,portability --inline-suppr \
	    --suppressions-list=t/cppcheck.suppress -D_GNU_SOURCE \
	    -j$$(nproc) -Icommon $(LINT_C) $(LINT_NGX)
.PHONY: fuzz lint cppcheck $(addprefix lint-,$(LINT_C)) \
        $(addprefix lint-ngx-,$(LINT_NGX))

# Kills, stops, upgrades and full disks under load: the figures of
# docs/reliability.md.  QASINO_KILLS: how many of each (200).
soak: all
	t/soak
.PHONY: check nginx-asan soak
