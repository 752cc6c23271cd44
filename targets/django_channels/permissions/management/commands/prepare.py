from django.core.management import BaseCommand, call_command

from permissions.seed import restore


class Command(BaseCommand):
    help = "Create the tables and bring users, tokens and permissions to the start. May be repeated."

    def handle(self, *args, **options):
        call_command("migrate", verbosity=0, interactive=False)
        restore()
        self.stdout.write("The database is ready.")
