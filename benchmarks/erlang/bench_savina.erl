%% The Savina workloads, as benchmarks/workloads has them. Where an actor waits for a reply, it
%% receives selectively, which is what the Python versions do with a stash.
-module(bench_savina).
-export([ping_pong/1, counting/1, fork_join_throughput/1, fork_join_create/1, thread_ring/1]).
-export([chameneos/1, big/1, bounded_buffer/1, bank_transaction/1, philosophers/1]).
-export([logistic_map/1, fibonacci/1, trapezoid/1]).

rate(Operations, Expected, Function) ->
    {Seconds, Expected} = bench:timed(Function),
    [{rate, Operations / Seconds}].

%% --- ping-pong

ping_pong(#{pings := Pings}) ->
    rate(2 * Pings, Pings, fun() -> ping(spawn_link(fun pong/0), 1, Pings) end).

ping(Pong, Number, Pings) ->
    Pong ! {Number, self()},
    receive
        Pings -> Pings;
        Number -> ping(Pong, Number + 1, Pings)
    end.

pong() ->
    receive {Number, Sender} ->
        Sender ! Number,
        pong()
    end.

%% --- counting

counting(#{increments := Increments}) ->
    rate(Increments, Increments, fun() ->
        Counter = spawn_link(fun() -> counter(0) end),
        add_each(Counter, Increments),
        Counter ! {retrieve, self()},
        receive {count, Count} -> Count end
    end).

add_each(_, 0) -> ok;
add_each(Counter, Left) ->
    Counter ! {add, 1},
    add_each(Counter, Left - 1).

counter(Count) ->
    receive
        {add, Number} -> counter(Count + Number);
        {retrieve, From} -> From ! {count, Count}
    end.

%% --- fork-join, throughput

fork_join_throughput(#{workers := Workers, messages := Messages}) ->
    Total = Workers * Messages,
    rate(Total, Total, fun() ->
        Me = self(),
        Started = [
            spawn_link(fun() -> throughput_worker(Me, Messages, 0, 0.0) end)
            || _ <- lists:seq(1, Workers)
        ],
        [[Worker ! Number || Worker <- Started] || Number <- lists:seq(0, Messages - 1)],
        bench:gather(Workers)
    end).

throughput_worker(Main, Messages, Messages, _) -> Main ! {done, Messages};
throughput_worker(Main, Messages, Handled, Sum) ->
    receive Number -> throughput_worker(Main, Messages, Handled + 1, Sum + Number * 0.5) end.

%% --- fork-join, creation

fork_join_create(#{actors := Actors}) ->
    rate(Actors, Actors * (Actors - 1) div 2, fun() ->
        [
            spawn_link(fun() -> receive {Number, Main} -> Main ! {done, Number} end end)
                ! {N, self()}
            || N <- lists:seq(0, Actors - 1)
        ],
        bench:gather(Actors)
    end).

%% --- thread ring

thread_ring(#{nodes := Nodes, hops := Hops}) ->
    rate(Hops, Hops rem Nodes, fun() ->
        Me = self(),
        Ring = [spawn_link(fun() -> ring_node(N, Me) end) || N <- lists:seq(0, Nodes - 1)],
        [
            begin
                Node ! {following, Following},
                receive {ready, Node} -> ok end
            end
            || {Node, Following} <- lists:zip(Ring, tl(Ring) ++ [hd(Ring)])
        ],
        hd(Ring) ! Hops,
        receive {done, Number} -> Number end
    end).

ring_node(Number, Main) ->
    receive {following, Following} ->
        Main ! {ready, self()},
        ring_node(Number, Main, Following)
    end.

ring_node(Number, Main, Following) ->
    receive
        0 -> Main ! {done, Number};
        Hops -> Following ! Hops - 1
    end,
    ring_node(Number, Main, Following).

%% --- chameneos

chameneos(#{creatures := Creatures, meetings := Meetings}) ->
    rate(Meetings, 2 * Meetings, fun() ->
        Mall = self(),
        [spawn_link(fun() -> creature(N rem 3, Mall, 0) end) || N <- lists:seq(1, Creatures)],
        mall(Meetings, none, Creatures, 0)
    end).

mall(_, _, 0, Met) -> Met;
mall(Left, Waiting, Missing, Met) ->
    receive
        {exit, Count} -> mall(Left, Waiting, Missing - 1, Met + Count);
        {meet, _, Creature} when Left =:= 0 ->
            Creature ! exit,
            mall(Left, Waiting, Missing, Met);
        {meet, Colour, Creature} when Waiting =:= none ->
            mall(Left, {Colour, Creature}, Missing, Met);
        {meet, Colour, Creature} ->
            {Other, First} = Waiting,
            First ! {met, Colour},
            Creature ! {met, Other},
            mall(Left - 1, none, Missing, Met)
    end.

creature(Colour, Mall, Met) ->
    Mall ! {meet, Colour, self()},
    receive
        exit -> Mall ! {exit, Met};
        {met, Colour} -> creature(Colour, Mall, Met + 1);
        {met, Other} -> creature(3 - Colour - Other, Mall, Met + 1)
    end.

%% --- big

big(#{actors := Actors, pings := Pings}) ->
    rate(2 * Actors * Pings, Actors * Pings, fun() ->
        Me = self(),
        Players = [spawn_link(fun() -> player(N, Pings, Me) end) || N <- lists:seq(1, Actors)],
        [Player ! {neighbours, Players} || Player <- Players],
        bench:gather(Actors)
    end).

player(Number, Pings, Main) ->
    rand:seed(exsss, Number),
    receive {neighbours, Players} ->
        Others = list_to_tuple(lists:delete(self(), Players)),
        ping_one(Number, Pings, Main, 0, Others)
    end.

ping_one(Number, 0, Main, Pongs, Others) ->
    Main ! {done, Pongs},
    player(Number, 0, Main, Pongs, Others);
ping_one(Number, Left, Main, Pongs, Others) ->
    element(rand:uniform(tuple_size(Others)), Others) ! {ping, self()},
    player(Number, Left - 1, Main, Pongs, Others).

player(Number, Left, Main, Pongs, Others) ->
    receive
        {ping, Sender} ->
            Sender ! {pong, Number},
            player(Number, Left, Main, Pongs, Others);
        {pong, _} ->
            ping_one(Number, Left, Main, Pongs + 1, Others)
    end.

%% --- bounded buffer

bounded_buffer(#{size := Size, producers := Producers, consumers := Consumers, items := Items}) ->
    Total = Producers * Items,
    rate(Total, {Total, Total * (Total - 1) div 2}, fun() ->
        Me = self(),
        Idle = [spawn_link(fun() -> consumer(Me) end) || _ <- lists:seq(1, Consumers)],
        Waiting = [
            spawn_link(fun() -> producer(Me, N * Items, (N + 1) * Items) end)
            || N <- lists:seq(0, Producers - 1)
        ],
        State = #{
            size => Size, items => Total, buffer => queue:new(), held => 0, reserved => 0,
            idle => queue:from_list(Idle), waiting => queue:from_list(Waiting),
            consumed => 0, sum => 0
        },
        manager(invite(State))
    end).

manager(#{items := Items, consumed := Items, sum := Sum}) -> {Items, Sum};
manager(#{reserved := Reserved, waiting := Waiting, idle := Idle} = State) ->
    receive
        {item, Number, Producer, IsLast} ->
            Given = State#{
                reserved := Reserved - 1,
                waiting := case IsLast of true -> Waiting; false -> queue:in(Producer, Waiting) end
            },
            manager(invite(take_item(Number, Given)));
        {available, Number, Consumer} ->
            #{consumed := Consumed, sum := Sum, buffer := Buffer, held := Held} = State,
            Counted = State#{consumed := Consumed + 1, sum := Sum + Number},
            manager(invite(
                case queue:out(Buffer) of
                    {{value, Item}, Rest} ->
                        Consumer ! {item, Item},
                        Counted#{buffer := Rest, held := Held - 1};
                    {empty, _} ->
                        Counted#{idle := queue:in(Consumer, Idle)}
                end
            ))
    end.

take_item(Number, #{idle := Idle, buffer := Buffer, held := Held, size := Size} = State) ->
    case queue:out(Idle) of
        {{value, Consumer}, Rest} ->
            Consumer ! {item, Number},
            State#{idle := Rest};
        {empty, _} ->
            true = Held < Size,
            State#{buffer := queue:in(Number, Buffer), held := Held + 1}
    end.

invite(#{size := Size, held := Held, reserved := Reserved, waiting := Waiting} = State) ->
    case Held + Reserved < Size andalso queue:out(Waiting) of
        {{value, Producer}, Rest} ->
            Producer ! produce,
            invite(State#{reserved := Reserved + 1, waiting := Rest});
        _ -> State
    end.

producer(Manager, Number, End) ->
    receive produce ->
        process_item(Number),
        Manager ! {item, Number, self(), Number + 1 =:= End},
        Number + 1 < End andalso producer(Manager, Number + 1, End)
    end.

consumer(Manager) ->
    receive {item, Number} ->
        process_item(Number),
        Manager ! {available, Number, self()},
        consumer(Manager)
    end.

process_item(Number) -> process_item(float(Number), 20).
process_item(Value, 0) -> Value;
process_item(Value, Steps) -> process_item(Value * 0.5 + 1.0, Steps - 1).

%% --- bank transaction

bank_transaction(#{accounts := Accounts, transactions := Transactions}) ->
    Transfers = transfers(Accounts, Transactions),
    Balances = lists:foldl(
        fun({Source, Target, Amount}, Before) ->
            #{Source := Poorer, Target := Richer} = Before,
            Before#{Source := Poorer - Amount, Target := Richer + Amount}
        end,
        maps:from_list([{N, 1000} || N <- lists:seq(1, Accounts)]),
        Transfers
    ),
    rate(Transactions, Balances, fun() ->
        Opened = list_to_tuple(
            [spawn_link(fun() -> account(1000) end) || _ <- lists:seq(1, Accounts)]
        ),
        [
            element(Source, Opened) ! {transfer, Amount, element(Target, Opened), self()}
            || {Source, Target, Amount} <- Transfers
        ],
        Transactions = bench:gather(Transactions),
        maps:from_list([
            begin
                Account = element(N, Opened),
                Account ! {balance, self()},
                receive {balance, Account, Balance} -> {N, Balance} end
            end
            || N <- lists:seq(1, Accounts)
        ])
    end).

%% Always from a lower to a higher account, so that nobody waits in a ring.
transfers(Accounts, Transactions) ->
    rand:seed(exsss, 1),
    [
        begin
            Source = rand:uniform(Accounts - 1),
            {Source, Source + rand:uniform(Accounts - Source), rand:uniform(100)}
        end
        || _ <- lists:seq(1, Transactions)
    ].

account(Balance) ->
    receive
        {transfer, Amount, Target, Teller} ->
            Target ! {deposit, Amount, self()},
            receive deposited -> Teller ! {done, 1} end,
            account(Balance - Amount);
        {deposit, Amount, Source} ->
            Source ! deposited,
            account(Balance + Amount);
        {balance, From} ->
            From ! {balance, self(), Balance},
            account(Balance)
    end.

%% --- philosophers

philosophers(#{philosophers := Philosophers, meals := Meals}) ->
    Total = Philosophers * Meals,
    rate(Total, {Total, []}, fun() ->
        Me = self(),
        [
            spawn_link(fun() -> philosopher(N, Meals, Me) end)
            || N <- lists:seq(0, Philosophers - 1)
        ],
        arbiter(Philosophers, Philosophers, #{}, 0)
    end).

arbiter(_, 0, Taken, Meals) -> {Meals, maps:keys(Taken)};
arbiter(Forks, Missing, Taken, Meals) ->
    receive
        {hungry, Left, Philosopher} ->
            Right = (Left + 1) rem Forks,
            case Taken of
                #{Left := _} ->
                    Philosopher ! denied,
                    arbiter(Forks, Missing, Taken, Meals);
                #{Right := _} ->
                    Philosopher ! denied,
                    arbiter(Forks, Missing, Taken, Meals);
                _ ->
                    Philosopher ! eat,
                    arbiter(Forks, Missing, Taken#{Left => true, Right => true}, Meals)
            end;
        {done, Left} ->
            Right = (Left + 1) rem Forks,
            #{Left := true, Right := true} = Taken,
            arbiter(Forks, Missing, maps:without([Left, Right], Taken), Meals + 1);
        exit ->
            arbiter(Forks, Missing - 1, Taken, Meals)
    end.

philosopher(_, 0, Arbiter) -> Arbiter ! exit;
philosopher(Number, Left, Arbiter) ->
    Arbiter ! {hungry, Number, self()},
    receive
        eat ->
            Arbiter ! {done, Number},
            philosopher(Number, Left - 1, Arbiter);
        denied ->
            philosopher(Number, Left, Arbiter)
    end.

%% --- logistic map

logistic_map(#{series := Series, terms := Terms}) ->
    Expected = [last_term(N, Terms) || N <- lists:seq(0, Series - 1)],
    rate(Series * Terms, Expected, fun() ->
        Me = self(),
        Started = [spawn_link(fun() -> series(N, Me) end) || N <- lists:seq(0, Series - 1)],
        [[S ! next || S <- Started] || _ <- lists:seq(1, Terms)],
        [S ! get || S <- Started],
        [receive {term, S, Term} -> Term end || S <- Started]
    end).

growth(Number) -> 3.46 + Number * 0.0025.
first_term(Number) -> Number * 0.0025.

last_term(Number, Terms) -> last_term(growth(Number), first_term(Number), Terms).
last_term(_, Term, 0) -> Term;
last_term(Rate, Term, Left) -> last_term(Rate, Rate * Term * (1 - Term), Left - 1).

series(Number, Main) ->
    Rate = growth(Number),
    series(first_term(Number), Main, spawn_link(fun() -> computer(Rate) end)).

series(Term, Main, Computer) ->
    receive
        next ->
            Computer ! {compute, Term, self()},
            receive {computed, Next} -> series(Next, Main, Computer) end;
        get ->
            Main ! {term, self(), Term}
    end.

computer(Rate) ->
    receive {compute, Term, From} ->
        From ! {computed, Rate * Term * (1 - Term)},
        computer(Rate)
    end.

%% --- fibonacci

fibonacci(#{n := N}) ->
    Number = fib(N),
    rate(2 * Number - 1, Number, fun() ->
        Me = self(),
        spawn_link(fun() -> fib_actor(N, Me) end),
        bench:gather(1)
    end).

fib(N) when N =< 2 -> 1;
fib(N) -> fib(N - 1) + fib(N - 2).

fib_actor(N, Parent) when N =< 2 -> Parent ! {done, 1};
fib_actor(N, Parent) ->
    Me = self(),
    spawn_link(fun() -> fib_actor(N - 1, Me) end),
    spawn_link(fun() -> fib_actor(N - 2, Me) end),
    Parent ! {done, bench:gather(2)}.

%% --- trapezoid

trapezoid(#{workers := Workers, pieces := Pieces}) ->
    Width = 4.0 / (Workers * Pieces),
    Shares = [1.0 + N * Pieces * Width || N <- lists:seq(0, Workers - 1)],
    Expected = lists:sum([area(Left, Width, Pieces) || Left <- Shares]),
    rate(Workers * Pieces, Expected, fun() ->
        Me = self(),
        Started = [
            spawn_link(fun() -> receive work -> Me ! {area, self(), area(Left, Width, Pieces)} end end)
            || Left <- Shares
        ],
        [Worker ! work || Worker <- Started],
        lists:sum([receive {area, Worker, Area} -> Area end || Worker <- Started])
    end).

height(X) -> math:sin(X * X * X - 1) / (X + 1) * math:sqrt(1 + math:exp(math:sqrt(2 * X))).

area(Left, Width, Pieces) -> area(Left, Width, 1, Pieces, height(Left), 0.0).
area(_, _, Piece, Pieces, _, Total) when Piece > Pieces -> Total;
area(Left, Width, Piece, Pieces, Before, Total) ->
    After = height(Left + Piece * Width),
    area(Left, Width, Piece + 1, Pieces, After, Total + 0.5 * (Before + After) * Width).
